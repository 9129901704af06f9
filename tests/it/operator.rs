//! The operator's stories: init, hosts, secrets, render, verify, status, check.

use crate::common::{Sandbox, root, run, run_command};
use std::ffi::OsStr;

#[test]
fn init_again_changes_nothing_and_a_second_operator_is_added() {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot();
    let key = std::fs::read(sandbox.path("config/signing-key")).unwrap();
    let said = sandbox.pkeys(&["init", "--no-passphrase", "--name", "ann"]).good();
    assert!(said.lines().all(|line| line.starts_with("kept")), "{said}");
    assert_eq!(sandbox.snapshot(), before);
    assert_eq!(std::fs::read(sandbox.path("config/signing-key")).unwrap(), key);

    let bob = run_command(
        sandbox.command().env("PKEYS_CONFIG_DIR", sandbox.path("bob")).args([
            "init",
            "--no-passphrase",
            "--name",
            "bob",
        ]),
        b"",
    );
    assert!(bob.good().contains("added bob\n"));
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    assert!(text.contains("bob = [\"age1") && text.contains("ann = [\"age1"), "{text}");
    assert!(text.starts_with("# pkeys: what exists"), "comments are kept");
    sandbox.pkeys(&["check"]).good();
}

#[test]
fn private_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let mode = |name: &str| std::fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("config"), 0o700);
    assert_eq!(mode("config/identity.txt"), 0o600);
    assert_eq!(mode("config/signing-key"), 0o600);
}

#[test]
fn passphrases_are_asked_for_once_and_wrong_ones_change_nothing() {
    let sandbox = Sandbox::empty();
    let pass = ["s3same", "s3same", "sign0r", "sign0r"];
    sandbox.pkeys_typing(&["init", "--name", "ann"], &pass).good();
    sandbox.nowhere(b"AGE-SECRET-KEY", &[]);
    sandbox.host("web", &[]);
    sandbox.secret("one", b"1", &["web"]);
    sandbox.secret("two", b"2", &["web"]);

    let before = sandbox.snapshot();
    let wrong = sandbox.pkeys_typing(&["render"], &["wrong", "wrong"]);
    assert_eq!(wrong.status, 1, "{wrong:?}");
    assert!(wrong.out.contains("wrong passphrase for"), "{wrong:?}");
    assert_eq!(sandbox.snapshot(), before);

    // The signing key's first, the identity's second, each once though two secrets are opened.
    let right = sandbox.pkeys_typing(&["render"], &["sign0r", "s3same"]);
    assert_eq!(right.status, 0, "{right:?}");
    assert_eq!(right.out.matches("Passphrase for").count(), 2, "{right:?}");
    assert!(!right.out.contains("s3same") && !right.out.contains("sign0r"), "no echo: {right:?}");
    sandbox.pkeys(&["render"]).good();
    sandbox.pkeys(&["render", "--force"]).bad("needs a passphrase", "terminal");
}

#[test]
fn rendering_again_changes_no_byte_and_a_change_only_the_hosts_that_it_is_for() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--tag", "front"]);
    sandbox.host("db", &[]);
    sandbox.secret("common", b"1", &["*"]);
    sandbox.secret("front", b"2", &["tag:front"]);
    sandbox.pkeys(&["render"]).good();
    let first = sandbox.snapshot();
    sandbox.pkeys(&["render"]).good();
    assert_eq!(sandbox.snapshot(), first);

    let db = sandbox.read("bundles/db/secrets.age");
    let before = ["web", "db"].map(|host| sandbox.generation(host));
    sandbox.secret("front", b"3", &[]);
    let said = sandbox.pkeys(&["render"]).good();
    assert!(said.contains("~front"), "{said}");
    assert_eq!(sandbox.read("bundles/db/secrets.age"), db);
    assert!(sandbox.generation("web") > before[0]);
    assert_eq!(sandbox.generation("db"), before[1]);

    let web = sandbox.read("bundles/web/secrets.age");
    sandbox.host("mail", &[]);
    sandbox.pkeys(&["render"]).good();
    assert_eq!(sandbox.read("bundles/web/secrets.age"), web);
    assert_eq!(sandbox.read("bundles/db/secrets.age"), db);
    assert!(sandbox.generation("mail") >= before[1]);
}

#[test]
fn every_kind_of_change_is_noticed_and_named() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1\n", &["web"]);
    sandbox.pkeys(&["render"]).good();
    let first = sandbox.generation("web");
    let toml = || String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let write = |text: &str| sandbox.manifest(text);
    let stale = |what: &str| {
        let status = sandbox.pkeys(&["status"]).good();
        assert!(status.contains(&format!("stale: {what}")), "{status}");
        assert!(sandbox.pkeys(&["render", "--dry-run"]).good().contains("would render"));
        sandbox.pkeys(&["render"]).good();
        assert!(sandbox.pkeys(&["status"]).good().contains("in date"));
    };
    write(&toml().replace("from = \"age:a\"", "from = \"age:a\"\ntrim = true"));
    stale("settings");
    write(&toml().replace(
        "recipients = []",
        "recipients = [\"age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\"]",
    ));
    stale("recipients");
    sandbox.secret("b", b"2", &["web"]);
    stale("+b");
    sandbox.pkeys(&["secret", "rm", "b"]).good();
    stale("-b");
    let (_, other) = sandbox.ssh_key("other", "ed25519");
    sandbox.pkeys(&["host", "add", "web", "--recipient", &other]).good();
    stale("recipients");
    std::fs::write(sandbox.repo().join("bundles/web/manifest.json.sig"), "x").unwrap();
    // Without git, nothing tells any more what was granted before.
    sandbox.accept();
    stale("manifest.json.sig is not an SSH signature");
    assert!(sandbox.generation("web") > first);
}

#[test]
fn users_keys_change_the_public_half_alone() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1\n", &["web"]);
    let toml = || String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let write = |text: &str| sandbox.manifest(text);
    write(&(toml() + "\n[users.root]\nhosts = [\"*\"]\n"));
    sandbox.pkeys(&["render"]).good();
    let first = sandbox.generation("web");
    let sealed = || sandbox.read("bundles/web/secrets.age");
    let before = sealed();
    let add = |label: &str| {
        let (_, public) = sandbox.ssh_key(label, "ed25519");
        sandbox.pkeys(&["key", "add", "root", label, "--public", &public]).good();
    };
    // The secret cannot even be read.
    let file = sandbox.repo().join("secrets/a.age");
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    add("one");
    assert!(sandbox.pkeys(&["render"]).good().contains("keys of root"));
    assert_eq!(sealed(), before);
    sandbox.pkeys(&["verify"]).good();
    assert!(sandbox.generation("web") > first);
    std::fs::write(&file, kept).unwrap();
    assert!(sandbox.pkeys(&["render"]).good().contains("unchanged"));
    // Whatever else changed is not forgotten over them.
    add("two");
    sandbox.secret("a", b"2\n", &["web"]);
    assert!(sandbox.pkeys(&["render"]).good().contains("~a keys of root"));
    assert_ne!(sealed(), before);
    add("three");
    write(&toml().replace("from = \"age:a\"", "from = \"age:a\"\ntrim = true"));
    assert!(sandbox.pkeys(&["render"]).good().contains("keys of root settings"));
    let before = sealed();
    add("four");
    assert!(sandbox.pkeys(&["render", "--force"]).good().contains("keys of root forced"));
    assert_ne!(sealed(), before);
    // A payload that was changed is not signed again.
    add("five");
    let mut bad = sealed();
    *bad.last_mut().unwrap() ^= 1;
    std::fs::write(sandbox.repo().join("bundles/web/secrets.age"), &bad).unwrap();
    sandbox.pkeys(&["render"]).good();
    assert_ne!(sealed(), bad);
    sandbox.pkeys(&["verify"]).good();
}

#[test]
fn one_host_that_fails_does_not_stop_the_others() {
    let sandbox = Sandbox::new();
    sandbox.host("good", &[]);
    sandbox.host("ill", &[]);
    sandbox.secret("fine", b"1", &["*"]);
    sandbox.secret("gone", b"2", &["ill"]);
    std::fs::remove_file(sandbox.repo().join("secrets/gone.age")).unwrap();
    let ran = sandbox.pkeys(&["render"]);
    assert!(ran.out.contains("good  rendered") && ran.out.contains("ill   failed"), "{}", ran.out);
    ran.bad("ill: secret gone: there is no", "pkeys secret set gone");
    assert!(sandbox.repo().join("bundles/good/secrets.age").exists());
    assert!(!sandbox.repo().join("bundles/ill").exists());
}

#[test]
fn verify_says_what_is_wrong() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1", &["web"]);
    sandbox.pkeys(&["verify"]).bad("web: it has no bundle yet", "pkeys render web");
    sandbox.pkeys(&["render"]).good();
    assert!(sandbox.pkeys(&["verify"]).good().contains("valid"));
    for name in ["manifest.json", "manifest.json.sig", "secrets.age"] {
        let good = sandbox.read(&format!("bundles/web/{name}"));
        let path = sandbox.repo().join("bundles/web").join(name);
        for place in (0..good.len()).step_by(good.len() / 40 + 1) {
            let mut bad = good.clone();
            bad[place] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert_eq!(sandbox.pkeys(&["verify"]).status, 1, "{name} byte {place}");
        }
        std::fs::write(&path, &good).unwrap();
    }
    sandbox.pkeys(&["verify"]).good();
    let (_, other) = sandbox.ssh_key("other", "ed25519");
    sandbox.pkeys(&["host", "add", "web", "--recipient", &other]).good();
    sandbox.pkeys(&["verify"]).bad("is not sealed to the recipient SHA256:", "pkeys render web");
}

#[test]
fn a_signing_key_that_no_host_would_trust_is_refused_before_anything() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let (private, public) = sandbox.ssh_key("stranger", "ed25519");
    let before = sandbox.snapshot();
    let ran = run_command(sandbox.command().env("PKEYS_SIGNING_KEY", private).arg("render"), b"");
    ran.bad("not among the signers", public.split(' ').nth(1).unwrap());
    assert_eq!(sandbox.snapshot(), before);
}

#[test]
fn secrets_are_edited_in_memory_and_seen_by_nobody() {
    let (sandbox, memory) = (Sandbox::new(), tempfile::tempdir_in("/dev/shm").unwrap());
    sandbox.secret("mine", b"hunter2-before", &[]);
    // The editor looks at what an onlooker could see of its parent.
    let seen = sandbox.path("seen");
    let editor = sandbox.script(
        "editor",
        &format!(
            "tr '\\0' '\\n' < /proc/$PPID/cmdline > {seen}; tr '\\0' '\\n' < /proc/$PPID/environ >> {seen}\n\
             env >> {seen}; stat -f -c %T \"$1\" >> {seen}; stat -c %a \"$1\" >> {seen}; grep 'core file' /proc/$PPID/limits >> {seen}\n\
             sed -i s/before/after/ \"$1\"",
            seen = seen.display()
        ),
    );
    let edit_with = |editor: &OsStr| {
        let mut command = sandbox.command();
        command.env("XDG_RUNTIME_DIR", memory.path()).env("EDITOR", editor).args(["secret", "edit", "mine"]);
        run_command(&mut command, b"")
    };
    let edit = || edit_with(editor.as_os_str());
    assert_eq!(edit().good(), "changed mine\n");
    let seen = std::fs::read_to_string(&seen).unwrap();
    assert!(!seen.contains("hunter2"), "{seen}");
    assert!(seen.contains("tmpfs\n600\n"), "{seen}");
    let core: Vec<_> = seen.lines().filter(|l| l.contains("core file")).flat_map(str::split_whitespace).collect();
    assert_eq!(core[4..6], ["0", "0"], "{core:?}");
    assert_eq!(sandbox.pkeys(&["secret", "show", "mine"]).good(), "hunter2-after");
    assert_eq!(edit().good(), "unchanged mine\n");
    let left = || std::fs::read_dir(memory.path()).unwrap().flatten().collect::<Vec<_>>();
    assert!(left().is_empty(), "{:?}", left());

    let before = sandbox.snapshot();
    for (editor, error) in [
        ("false", "the editor ended with an error"),
        ("/nonexistent", "cannot start the editor"),
        ("truncate -s 0", "the edited value is empty"),
        ("rm", "the editor removed the file"),
    ] {
        let ran = edit_with(editor.as_ref());
        assert_eq!(ran.status, 1);
        assert!(ran.err.contains(error), "{}", ran.err);
        assert!(left().is_empty(), "{:?}", left());
    }
    assert_eq!(sandbox.snapshot(), before);
}

#[test]
fn no_plaintext_is_left_anywhere() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"hunter2-needle", &["web"]);
    sandbox.pkeys(&["secret", "generate", "g", "--host", "web"]).good();
    sandbox.pkeys(&["render"]).good();
    sandbox.pkeys(&["status"]).good();
    sandbox.pkeys(&["secret", "rekey"]).good();
    sandbox.pkeys(&["render", "--json"]).good();
    sandbox.nowhere(b"hunter2-needle", &[]);
    let generated = sandbox.pkeys(&["secret", "show", "g"]).good();
    assert_eq!(generated.len(), 32);
    sandbox.nowhere(generated.as_bytes(), &[]);
}

#[test]
fn a_value_that_lives_elsewhere_is_refused_before_anybody_types_one() {
    let sandbox = Sandbox::new();
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    sandbox.manifest(text + "[secrets.far]\nfrom = \"op://v/i/f\"\n");
    let touched = sandbox.path("touched");
    let editor = sandbox.script("editor", &format!("touch {}", touched.display()));
    for arguments in [&["secret", "set", "far"][..], &["secret", "edit", "far"], &["secret", "generate", "far"]] {
        let ran = run_command(sandbox.command().env("EDITOR", &editor).args(arguments), b"x");
        ran.bad("pkeys.toml takes far from another place", "age:far");
    }
    assert!(!touched.exists() && !sandbox.repo().join("secrets").exists());
}

#[test]
fn rekey_is_all_or_nothing() {
    let sandbox = Sandbox::new();
    sandbox.secret("a", b"1", &[]);
    sandbox.secret("b", b"2", &[]);
    std::fs::write(sandbox.repo().join("secrets/b.age"), "damaged").unwrap();
    let before = sandbox.snapshot();
    sandbox.pkeys(&["secret", "rekey"]).bad("b.age is not the file that was signed", "pkeys trust accept");
    assert_eq!(sandbox.snapshot(), before);
    sandbox.accept();
    sandbox.pkeys(&["secret", "rekey"]).bad("cannot decrypt b.age", "");
    sandbox.secret("b", b"2", &[]);
    // Nobody is new: every file stays as it is.
    let before = sandbox.snapshot();
    assert_eq!(sandbox.pkeys(&["secret", "rekey"]).good(), "rekeyed 0 secrets\n");
    let without_log = |all: Vec<(std::path::PathBuf, Vec<u8>)>| -> Vec<_> {
        all.into_iter().filter(|(path, _)| !path.ends_with("audit.jsonl")).collect()
    };
    assert_eq!(without_log(sandbox.snapshot()), without_log(before));
    let bob = run("age-keygen", &[] as &[&str], b"").good();
    let bob = bob.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    sandbox.manifest(text.replace("[operators]\n", &format!("[operators]\nbob = [\"{bob}\"]\n")));
    let before = sandbox.read("secrets/a.age");
    assert_eq!(sandbox.pkeys(&["secret", "rekey"]).good(), "rekeyed 2 secrets\n");
    assert_ne!(sandbox.read("secrets/a.age"), before);
    assert_eq!(sandbox.pkeys(&["secret", "show", "a"]).good(), "1");
}

#[test]
fn binary_is_not_printed_to_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.secret("bin", &[0, 1, 2, 0xff], &[]);
    let ran = sandbox.pkeys_typing(&["secret", "show", "bin"], &[]);
    assert!(ran.status == 1 && ran.out.contains("is binary, and this is a terminal"), "{ran:?}");
    sandbox.pkeys(&["secret", "show", "bin"]).good();
}

#[test]
fn check_finds_mistakes_with_their_line() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--tag", "server"]);
    let mut text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let lines = text.lines().count();
    text += "\n[secrets.lost]\nfrom = \"age:lost\"\nhosts = [\"wbe\", \"tag:servr\"]\n\n[secrets.idle]\nfrom = \"op://v/i/f\"\n\n[hosts.bare]\n\n[users.joe]\n\n[secrets.code]\nfrom = \"op://v/i/f?attribute=otp\"\nhosts = [\"web\"]\n";
    sandbox.manifest(&text);
    let ran = sandbox.pkeys(&["check"]);
    assert_eq!(ran.status, 1);
    for expected in [
        format!("pkeys.toml:{}: error: secret lost: there is no", lines + 3),
        format!("pkeys.toml:{}: error: secret lost names the host wbe", lines + 4),
        "did you mean web?".into(),
        format!("pkeys.toml:{}: warning: secret lost names tag:servr", lines + 4),
        "did you mean tag:server?".into(),
        format!("pkeys.toml:{}: warning: nobody gets the secret idle", lines + 6),
        format!("pkeys.toml:{}: error: host bare: bare has no recipient", lines + 9),
        format!("pkeys.toml:{}: warning: user joe is known to no host", lines + 11),
        format!("pkeys.toml:{}: warning: user joe has no key", lines + 11),
        format!("pkeys.toml:{}: warning: secret code is a one-time password", lines + 14),
        "leave ?attribute=… out".into(),
        "warning: no break-glass recipient".into(),
    ] {
        assert!(ran.out.contains(&expected), "{expected}\n{}", ran.out);
    }
    let json: serde_json::Value = serde_json::from_str(&sandbox.pkeys(&["check", "--json"]).out).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 9);
}

#[test]
fn hosts_are_added_listed_and_removed_and_comments_stay() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--address", "root@web", "--tag", "a"]);
    sandbox.host("db", &[]);
    sandbox.secret("s", b"1", &["web", "db"]);
    sandbox.pkeys(&["render"]).good();
    let listed: serde_json::Value = serde_json::from_str(&sandbox.pkeys(&["host", "list", "--json"]).good()).unwrap();
    assert_eq!(listed[1]["address"], "root@web");
    assert_eq!(listed[1]["secrets"][0], "s");
    let ran = sandbox.pkeys(&["host", "remove", "web"]);
    assert!(ran.err.contains("It could read: s"), "{ran:?}");
    ran.good();
    assert!(!sandbox.repo().join("bundles/web").exists());
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    assert!(text.contains("hosts = [\"db\"]") && !text.contains("\n[hosts.web]"), "{text}");
    assert!(text.contains("# Whose signature on a bundle hosts trust."));
    sandbox.pkeys(&["host", "remove", "bd"]).bad("has no host bd", "did you mean db?");
    sandbox.pkeys(&["host", "add", "new"]).bad("new needs a recipient", "--scan");
}

#[test]
fn a_full_disk_and_a_read_only_repository_change_nothing() {
    if !root("full disk and read-only repository") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", &[7; 100_000], &["web"]);
    sandbox.pkeys(&["render"]).good();
    sandbox.secret("a", &[8; 100_000], &[]);
    let before = sandbox.snapshot();
    let repo = sandbox.repo();
    let inside = |mount: &str, command: &str| {
        let script = format!(
            "set -e; {mount}; cd {}; set +e; {} {command}; code=$?; find . -name '.pkeys-tmp*' | grep . && exit 99; exit $code",
            repo.display(),
            crate::common::pkeys_binary()
        );
        run_command(sandbox.command_of("unshare").args(["-m", "sh", "-c", &script]), b"value")
    };
    let full =
        format!("cp -a {0} {0}.copy; mount -t tmpfs -o size=256k none {0}; cp -a {0}.copy/. {0}", repo.display());
    let ran = inside(&full, "render");
    assert!(ran.err.contains("no space left") && ran.err.contains("nothing was changed"), "{ran:?}");
    assert_eq!(ran.status, 1, "{ran:?}");
    let read_only = format!("mount --bind {0} {0}; mount -o remount,bind,ro {0}", repo.display());
    for command in ["render", "secret set b"] {
        let ran = inside(&read_only, command);
        assert!(ran.status == 1 && ran.err.contains("read-only"), "{ran:?}");
    }
    assert_eq!(sandbox.snapshot(), before);
}

#[test]
fn ten_thousand_secrets_and_one_of_sixteen_mebibytes_work() {
    let sandbox = Sandbox::new();
    let key = sandbox.host("web", &[]);
    let big: Vec<u8> = (0..16 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    sandbox.secret("big", &big, &["web"]);
    sandbox.secret("small", b"1", &[]);
    let mut text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    for number in 0..10_000 {
        text += &format!("[secrets.s{number}]\nfrom = \"age:small\"\nhosts = [\"web\"]\n");
    }
    sandbox.manifest(text);
    sandbox.pkeys(&["render"]).good();
    let open = format!(
        "age -d -i {} {} | tar -x -C {}",
        key.display(),
        sandbox.repo().join("bundles/web/secrets.age").display(),
        sandbox.path("tmp").display()
    );
    run_command(sandbox.command_of("sh").args(["-c", &open]), b"").good();
    assert_eq!(std::fs::read(sandbox.path("tmp/secrets/big")).unwrap(), big);
    assert_eq!(std::fs::read_dir(sandbox.path("tmp/secrets")).unwrap().count(), 10_001);
}
