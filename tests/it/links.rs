//! What somebody who can commit tries with links: nothing outside of the repository is read, written or removed.

use crate::common::{Sandbox, run_command};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory beside the repository, with a file that nobody may touch.
fn outside(sandbox: &Sandbox) -> (PathBuf, PathBuf) {
    let directory = sandbox.path("outside");
    std::fs::create_dir_all(directory.join("web")).unwrap();
    let file = directory.join("web/precious");
    std::fs::write(&file, "precious\n").unwrap();
    (directory, file)
}

fn untouched(file: &Path) {
    assert_eq!(std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display())), "precious\n");
}

/// A repository with a host and a secret, rendered.
fn rendered() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"hunter2", &["web"]);
    sandbox.pkeys(&["render"]).good();
    sandbox
}

/// Replaces a file or directory of the repository by a link.
fn replace(sandbox: &Sandbox, name: &str, target: impl AsRef<Path>) {
    let path = sandbox.repo().join(name);
    match path.is_dir() {
        true => std::fs::remove_dir_all(&path).unwrap(),
        false => drop(std::fs::remove_file(&path)),
    }
    symlink(target, path).unwrap();
}

#[test]
fn a_host_called_like_a_folder_elsewhere_does_not_get_it_replaced() {
    for target in ["outside", "../outside", "/absolute"] {
        let sandbox = rendered();
        let (directory, precious) = outside(&sandbox);
        let target = if target == "/absolute" { directory } else { Path::new("..").join("outside") };
        replace(&sandbox, "bundles", target);
        sandbox.pkeys(&["render"]).bad("bundles leads out of the repository", "follows no path or link out");
        untouched(&precious);
        assert_eq!(std::fs::read_dir(sandbox.path("outside/web")).unwrap().count(), 1);
        sandbox.pkeys(&["host", "remove", "web"]).bad("bundles leads out of the repository", "no path or link out");
        untouched(&precious);
    }
}

#[test]
fn a_folder_of_the_repository_that_is_no_bundle_is_not_replaced() {
    let sandbox = rendered();
    std::fs::create_dir(sandbox.repo().join("web")).unwrap();
    let precious = sandbox.repo().join("web/precious");
    std::fs::write(&precious, "precious\n").unwrap();
    replace(&sandbox, "bundles", ".");
    sandbox.accept();
    sandbox.pkeys(&["render"]).bad("web/precious is not a file of pkeys", "move it away");
    sandbox.pkeys(&["host", "remove", "web"]).bad("web/precious is not a file of pkeys", "move it away");
    untouched(&precious);
    // A link in the place of one bundle would exchange that of another host.
    std::fs::remove_file(sandbox.repo().join("bundles")).unwrap();
    std::fs::create_dir(sandbox.repo().join("bundles")).unwrap();
    symlink("../web", sandbox.repo().join("bundles/web")).unwrap();
    sandbox.pkeys(&["render"]).bad("bundles/web is a link", "move it away");
    untouched(&precious);
}

#[test]
fn files_outside_are_neither_overwritten_nor_appended_to() {
    for name in ["audit.jsonl", "keys.toml", "pkeys.toml", "secrets/a.age"] {
        let sandbox = rendered();
        let (_, precious) = outside(&sandbox);
        let text = std::fs::read(sandbox.repo().join(name)).unwrap_or_else(|_| b"version = 1\n".to_vec());
        // What the link leads to is as good as what was there, so that only the link is wrong with it.
        std::fs::write(&precious, &text).unwrap();
        replace(&sandbox, name, &precious);
        let (_, public) = sandbox.ssh_key("user", "ed25519");
        let public = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let ran = match name {
            "keys.toml" => sandbox.pkeys_with(&["key", "add", "root", "phone", "--public", "-"], public.as_bytes()),
            _ => sandbox.pkeys_with(&["secret", "set", "a"], b"new"),
        };
        ran.bad("leads out of the repository", "no path or link out");
        assert_eq!(std::fs::read(&precious).unwrap(), text, "{name}");
    }
}

#[test]
fn the_escrow_is_not_written_through_a_link() {
    let sandbox = rendered();
    let (_, precious) = outside(&sandbox);
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let pages = memory.path().join("sheets");
    sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", pages.to_str().unwrap()]).good();
    for name in ["break-glass/escrow.age", "break-glass"] {
        replace(&sandbox, name, if name == "break-glass" { precious.parent().unwrap() } else { &precious });
        let _ = std::fs::remove_file(sandbox.repo().join("break-glass/escrow.json"));
        sandbox.pkeys(&["break-glass", "escrow"]).bad("leads out of the repository", "no path or link out");
        untouched(&precious);
        assert_eq!(std::fs::read_dir(precious.parent().unwrap()).unwrap().count(), 1);
    }
}

#[test]
fn another_projects_secret_is_not_given_to_this_projects_host() {
    let sandbox = rendered();
    let (directory, _) = outside(&sandbox);
    let other = Sandbox::empty();
    // The same operator has another repository.
    let ran = |arguments: &[&str], value: &[u8]| {
        let mut command = sandbox.command();
        run_command(command.args(["--repo", other.repo().to_str().unwrap()]).args(arguments), value)
    };
    ran(&["init", "--name", "ann"], b"").good();
    ran(&["secret", "set", "bank"], b"other-project").good();
    let bank = other.repo().join("secrets/bank.age");
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let with = |text: String| {
        let secret = "\n[secrets.bank]\nfrom = \"age:bank\"\nhosts = [\"web\"]\n";
        std::fs::write(sandbox.repo().join("pkeys.toml"), text + secret).unwrap();
    };
    with(text.clone());
    let before = sandbox.read("bundles/web/secrets.age");
    let refused = |words: &str| {
        for arguments in [&["render"][..], &["secret", "show", "bank"], &["render", "--force"]] {
            let ran = sandbox.pkeys(arguments);
            assert_ne!(ran.status, 0, "{arguments:?}: {ran:?}");
            assert!(!ran.out.contains("other-project"));
            if !arguments.contains(&"--force") {
                ran.bad(words, "no path or link out");
            }
        }
        assert_eq!(sandbox.read("bundles/web/secrets.age"), before);
    };
    // The file itself, through a directory, through a second link, and by a link that climbs.
    for (name, target) in
        [("secrets/bank.age", bank.clone()), ("secrets/bank.age", pathdiff(&sandbox.repo().join("secrets"), &bank))]
    {
        replace(&sandbox, name, target);
        refused("secrets/bank.age leads out of the repository");
    }
    symlink(bank.parent().unwrap(), sandbox.repo().join("far")).unwrap();
    replace(&sandbox, "secrets/bank.age", "../far/bank.age");
    refused("far leads out of the repository");
    std::fs::remove_file(sandbox.repo().join("secrets/bank.age")).unwrap();
    // The directory of the source.
    std::fs::copy(&bank, directory.join("bank.age")).unwrap();
    for named in [directory.to_str().unwrap(), "../outside", "secrets/../../outside"] {
        with(text.replace("directory = \"secrets\"", &format!("directory = \"{named}\"")));
        refused("is not in the repository");
        let checked = sandbox.pkeys(&["check"]);
        assert_eq!(checked.status, 1);
        assert!(
            checked.out.contains("source local: ") && checked.out.contains("is not in the repository"),
            "{checked:?}"
        );
    }
}

/// The way from one absolute directory to a file.
fn pathdiff(from: &Path, to: &Path) -> PathBuf {
    let up = from.canonicalize().unwrap().components().count() - 1;
    let to = to.canonicalize().unwrap();
    std::iter::repeat_n("..", up).collect::<PathBuf>().join(to.strip_prefix("/").unwrap())
}

#[test]
fn policies_are_not_taken_from_outside() {
    let sandbox = rendered();
    let (directory, _) = outside(&sandbox);
    std::fs::write(directory.join("own.cedar"), "").unwrap();
    symlink(&directory, sandbox.repo().join("policies")).unwrap();
    sandbox.pkeys(&["policy", "check"]).bad("policies leads out of the repository", "no path or link out");
    replace(&sandbox, "policies", "rules");
    std::fs::create_dir(sandbox.repo().join("rules")).unwrap();
    symlink(directory.join("own.cedar"), sandbox.repo().join("rules/own.cedar")).unwrap();
    sandbox.pkeys(&["policy", "check"]).bad("rules/own.cedar leads out of the repository", "no path or link out");
    std::fs::remove_file(sandbox.repo().join("rules/own.cedar")).unwrap();
    symlink("/etc/hostname", sandbox.repo().join("rules/leaked-keys.txt")).unwrap();
    sandbox.pkeys(&["render"]).bad("leaked-keys.txt leads out of the repository", "no path or link out");
}

#[test]
fn links_that_stay_inside_are_followed() {
    let sandbox = rendered();
    for name in ["secrets", "bundles"] {
        std::fs::create_dir_all(sandbox.repo().join("data")).unwrap();
        std::fs::rename(sandbox.repo().join(name), sandbox.repo().join("data").join(name)).unwrap();
        symlink(Path::new("data").join(name), sandbox.repo().join(name)).unwrap();
    }
    std::fs::rename(sandbox.repo().join("audit.jsonl"), sandbox.repo().join("data/log")).unwrap();
    symlink("data/../data/log", sandbox.repo().join("audit.jsonl")).unwrap();
    let lines = |name: &str| std::fs::read_to_string(sandbox.repo().join(name)).unwrap().lines().count();
    let before = lines("data/log");
    sandbox.secret("b", b"second", &["web"]);
    sandbox.pkeys(&["render"]).good();
    sandbox.pkeys(&["verify"]).good();
    assert_eq!(sandbox.pkeys(&["secret", "show", "b"]).good(), "second");
    assert!(lines("data/log") > before);
    assert!(sandbox.repo().join("data/secrets/b.age").is_file());
    for name in ["secrets", "bundles", "audit.jsonl"] {
        assert!(sandbox.repo().join(name).is_symlink(), "{name}");
    }
    sandbox.pkeys(&["host", "remove", "web"]).good();
    assert!(!sandbox.repo().join("data/bundles/web").exists());
    // A link to itself ends.
    replace(&sandbox, "secrets", "secrets");
    let ran = sandbox.pkeys(&["secret", "list"]);
    assert_ne!(ran.status, 101, "{ran:?}");
    let ran = sandbox.pkeys(&["secret", "show", "b"]);
    assert_eq!(ran.status, 1, "{ran:?}");
}

#[test]
fn a_named_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    for name in ["audit.jsonl", "secrets/a.age", "keys.toml", "bundles/web"] {
        let sandbox = rendered();
        let path = sandbox.repo().join(name);
        match path.is_dir() {
            true => std::fs::remove_dir_all(&path).unwrap(),
            false => drop(std::fs::remove_file(&path)),
        }
        crate::common::run("mkfifo", &[path.to_str().unwrap()], b"").good();
        let pkeys = crate::common::pkeys_binary();
        let line = if name == "bundles/web" { "render" } else { "secret set a" };
        let mut command: Command = sandbox.command_of("timeout");
        let ran = run_command(command.args(["60", "sh", "-c", &format!("echo new | {pkeys} {line}")]), b"");
        if name == "keys.toml" {
            // It is not needed for that.
            assert_ne!(ran.status, 124, "{ran:?}");
            continue;
        }
        assert_eq!(ran.status, 1, "{name}: {ran:?}");
        let refused = ["is not a regular file", "is no directory", "Not a directory"];
        assert!(refused.iter().any(|words| ran.err.contains(words)), "{name}: {ran:?}");
        assert!(std::os::unix::fs::FileTypeExt::is_fifo(&path.metadata().unwrap().file_type()), "{name}");
    }
}
