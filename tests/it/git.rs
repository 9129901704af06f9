//! Repositories of git that somebody else made: nothing that they name is run, and they are read as git reads them.

use crate::common::{Sandbox, copy_program, run_command};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn git(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command_of("git");
    command.args(["-c", "user.name=ann", "-c", "user.email=ann@example.org"]);
    command
}

#[track_caller]
fn run_git(sandbox: &Sandbox, arguments: &[&str]) -> String {
    run_command(git(sandbox).args(arguments), b"").good()
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw ann@laptop";

#[test]
fn programs_that_a_hostile_git_config_names_are_not_run() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1", &["web"]);
    let module = format!(
        "{{ networking.hostName = \"web\"; users.users.ann.openssh.authorizedKeys.keys = [ \"{KEY}\" ]; services.onepassword-secrets.enable = true; }}\n"
    );
    std::fs::write(sandbox.repo().join("web.nix"), &module).unwrap();
    std::fs::write(sandbox.repo().join(".gitattributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
    run_git(&sandbox, &["init", "--quiet"]);
    run_git(&sandbox, &["add", "--all"]);
    run_git(&sandbox, &["commit", "--quiet", "-m", "all"]);
    let mark = sandbox.path("mark");
    let evil = sandbox.script("evil", &format!("echo \"$0 $*\" >> '{}'\ncat", mark.display()));
    let evil = evil.to_str().unwrap();
    let hooks = sandbox.path("hooks");
    std::fs::create_dir(&hooks).unwrap();
    for hook in ["pre-commit", "post-index-change", "fsmonitor-watchman", "post-checkout", "reference-transaction"] {
        copy_program(evil, &hooks.join(hook));
        copy_program(evil, &sandbox.repo().join(".git/hooks").join(hook));
    }
    for (name, value) in [
        ("core.fsmonitor", evil),
        ("core.hooksPath", hooks.to_str().unwrap()),
        ("core.sshCommand", evil),
        ("core.pager", evil),
        ("core.editor", evil),
        ("core.askPass", evil),
        ("core.gitProxy", evil),
        ("diff.external", evil),
        ("diff.evil.command", evil),
        ("diff.evil.textconv", evil),
        ("filter.evil.clean", evil),
        ("filter.evil.smudge", evil),
        ("filter.evil.process", evil),
        ("filter.evil.required", "true"),
        ("alias.config", evil),
        ("alias.status", evil),
        ("credential.helper", evil),
        ("gpg.program", evil),
        ("core.alternateRefsCommand", evil),
        ("uploadpack.packObjectsHook", evil),
        ("merge.evil.driver", evil),
        ("pager.status", evil),
        ("pager.config", evil),
    ] {
        let config = sandbox.repo().join(".git/config");
        run_git(&sandbox, &["config", "--file", config.to_str().unwrap(), name, value]);
    }
    // Touched, and with the same content.
    std::fs::write(sandbox.repo().join("web.nix"), &module).unwrap();
    for arguments in [
        &["adopt", "--dry-run"][..],
        &["adopt"],
        &["import", "opnix", "--dry-run"],
        &["import", "sops-nix"],
        &["import", "agenix"],
        &["scan"],
        &["scan", "--history"],
        &["log"],
        &["check"],
        &["status"],
        &["render"],
        &["secret", "set", "b"],
        &["key", "add", "bob", "x", "--public", KEY],
        &["secret", "rm", "b"],
        &["verify"],
    ] {
        let ran = sandbox.pkeys_with(arguments, b"1");
        assert!(!mark.exists(), "{arguments:?} ran {}", std::fs::read_to_string(&mark).unwrap());
        assert!(!ran.err.contains("panicked"), "{ran:?}");
    }
    // It is a trap that works.
    let _ = run_command(git(&sandbox).arg("status"), b"");
    assert!(mark.exists());
}

/// What git says, and what pkeys says.
#[track_caller]
fn same_as_git(sandbox: &Sandbox, root: &Path) -> BTreeSet<PathBuf> {
    let mut command = sandbox.command_of("git");
    command.arg("-C").arg(root).args([
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--no-renames",
        "-z",
        "--",
        ".",
    ]);
    let out = command.output().unwrap().stdout;
    let entries = out.split(|byte| *byte == 0).filter(|entry| entry.len() > 3);
    let of_git: BTreeSet<_> =
        entries.map(|entry| PathBuf::from(String::from_utf8_lossy(&entry[3..]).into_owned())).collect();
    let of_pkeys: BTreeSet<_> = pkeys::git::uncommitted(root).unwrap().into_iter().collect();
    assert_eq!(of_pkeys, of_git);
    of_git
}

#[test]
fn what_is_not_committed_is_what_git_says() {
    let sandbox = Sandbox::empty();
    let repo = sandbox.repo();
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(repo.join(name).parent().unwrap()).unwrap();
        std::fs::write(repo.join(name), text).unwrap();
    };
    assert!(pkeys::git::uncommitted(&repo).unwrap().is_empty(), "no repository");
    run_git(&sandbox, &["init", "--quiet"]);
    assert!(same_as_git(&sandbox, &repo).is_empty());
    for name in ["a", "sub/b", "sub/deep/c", "subway", "with space", "ümlaut", "crlf", "gone", "removed", "script"] {
        write(name, &format!("text of {name}\nand more\n"));
    }
    std::os::unix::fs::symlink("a", repo.join("link")).unwrap();
    run_git(&sandbox, &["add", "--all"]);
    assert_eq!(same_as_git(&sandbox, &repo).len(), 11, "before the first commit");
    run_git(&sandbox, &["commit", "--quiet", "-m", "all"]);
    write("untracked", "x");
    assert!(same_as_git(&sandbox, &repo).is_empty());
    // Touched, the same size at the same time, staged, removed, staged to be removed.
    write("a", "text of a\nand more\n");
    assert!(same_as_git(&sandbox, &repo).is_empty());
    write("sub/b", "TEXT of sub/b\nand more\n");
    write("subway", "changed");
    run_git(&sandbox, &["add", "subway"]);
    std::fs::remove_file(repo.join("gone")).unwrap();
    run_git(&sandbox, &["rm", "--quiet", "removed"]);
    write("sub/new", "new");
    run_git(&sandbox, &["add", "sub/new"]);
    write("ümlaut", "x");
    std::fs::set_permissions(repo.join("script"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::remove_file(repo.join("link")).unwrap();
    std::os::unix::fs::symlink("sub", repo.join("link")).unwrap();
    run_git(&sandbox, &["config", "core.quotePath", "false"]);
    assert_eq!(same_as_git(&sandbox, &repo).len(), 8);
    assert_eq!(same_as_git(&sandbox, &repo.join("sub")).len(), 2);
    // Staged, then changed back.
    write("subway", "text of subway\nand more\n");
    same_as_git(&sandbox, &repo);
    // Touched, where git changes the ends of lines.
    run_git(&sandbox, &["config", "core.autocrlf", "true"]);
    write("crlf", "text\r\nof Windows\r\n");
    run_git(&sandbox, &["add", "crlf"]);
    run_git(&sandbox, &["commit", "--quiet", "-m", "more"]);
    write("crlf", "text\r\nof Windows\r\n");
    assert!(!same_as_git(&sandbox, &repo).contains(Path::new("crlf")));
}

#[test]
fn a_commit_whose_folders_hold_each_other_many_times_is_refused_and_not_walked() {
    let sandbox = Sandbox::new();
    run_git(&sandbox, &["init", "--quiet"]);
    bomb(&sandbox);
    sandbox.host("web", &[]);
    let module =
        format!("{{ networking.hostName = \"web\"; users.users.ann.openssh.authorizedKeys.keys = [ \"{KEY}\" ]; }}\n");
    std::fs::write(sandbox.repo().join("web.nix"), module).unwrap();
    sandbox.pkeys(&["adopt", "--yes"]).bad("far more files than the index", "--force");
}

/// A commit of 12 folders, each of which holds the next one ten times, and a token at the end.
fn bomb(sandbox: &Sandbox) {
    let hash =
        |input: &[u8], arguments: &[&str]| run_command(git(sandbox).args(arguments), input).good().trim().to_owned();
    let token = ["ghp_", "vD3nTqY8LmZs5XbKw1RfJh9GpC4aNe7UoB2i"].concat();
    let blob = hash(format!("token = \"{token}\";\n").as_bytes(), &["hash-object", "-w", "--stdin"]);
    let mut id = hash(format!("100644 blob {blob}\tsecret.nix\n").as_bytes(), &["mktree"]);
    for _ in 0..11 {
        let entries: String = (0..10).map(|number| format!("040000 tree {id}\t{number}\n")).collect();
        id = hash(entries.as_bytes(), &["mktree"]);
    }
    let commit = hash(b"", &["commit-tree", "-m", "bomb", &id]);
    run_git(sandbox, &["update-ref", "HEAD", &commit]);
}

#[test]
fn a_history_of_a_dozen_folders_with_a_billion_names_is_scanned_and_said_to_be_cut() {
    let sandbox = Sandbox::new();
    run_git(&sandbox, &["init", "--quiet"]);
    bomb(&sandbox);
    let ran = sandbox.pkeys(&["scan", "--history"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    // What is in it is found all the same, and each folder was read once at least.
    assert!(ran.out.contains("github-token"), "{ran:?}");
    assert!(ran.err.contains("not read: further names of folders"), "{ran:?}");
}

#[test]
fn folders_nested_deeper_than_a_path_can_be_are_scanned() {
    let sandbox = Sandbox::new();
    run_git(&sandbox, &["init", "--quiet"]);
    let hash =
        |input: &[u8], arguments: &[&str]| run_command(git(&sandbox).args(arguments), input).good().trim().to_owned();
    let token = ["ghp_", "vD3nTqY8LmZs5XbKw1RfJh9GpC4aNe7UoB2i"].concat();
    let blob = hash(format!("token = \"{token}\";\n").as_bytes(), &["hash-object", "-w", "--stdin"]);
    let mut id = hash(format!("100644 blob {blob}\tsecret.nix\n").as_bytes(), &["mktree"]);
    for _ in 0..40 {
        id = hash(format!("040000 tree {id}\t{}\n", "n".repeat(200)).as_bytes(), &["mktree"]);
    }
    let commit = hash(b"", &["commit-tree", "-m", "deep", &id]);
    run_git(&sandbox, &["update-ref", "HEAD", &commit]);
    let ran = sandbox.pkeys(&["scan", "--history"]);
    assert!(ran.status == 1 && ran.out.contains("github-token"), "{ran:?}");
}
