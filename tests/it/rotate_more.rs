//! `rotate --secret`, `--purge` and `--commit`, on real sshd servers.

use crate::common::fleet::Fleet;
use crate::common::{root, run_command};
use serde_json::Value;
use std::process::Command;

fn fleet() -> Option<Fleet> {
    root("real sshd servers").then(|| Fleet::new(&["web", "db"]))
}

fn edit(fleet: &Fleet, from: &str, to: &str) {
    let path = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    fleet.sandbox.manifest(text.replacen(from, to, 1));
}

fn git(fleet: &Fleet, arguments: &[&str]) -> String {
    run_command(Command::new("git").arg("-C").arg(fleet.sandbox.repo()).args(arguments), b"").good()
}

#[test]
fn a_generated_secret_gets_a_new_value_everywhere() {
    let Some(mut fleet) = fleet() else { return };
    fleet.sandbox.secret("token", b"old", &["*"]);
    fleet.sandbox.secret("other", b"stays", &["web"]);
    edit(&fleet, "from = \"age:token\"", "from = \"age:token\"\ngenerate = { length = 40 }");
    // The same value under another name: its hosts get the new one too.
    edit(&fleet, "[secrets.other]", "[secrets.alias]\nfrom = \"age:token\"\nhosts = [\"db\"]\n\n[secrets.other]");
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    let dry = fleet.pkeys(&["rotate", "--secret", "token", "--dry-run"]);
    assert!(dry.err.contains("token: new value, length 40, on 2 hosts: db web"), "{dry:?}");
    assert_eq!(fleet.read("web", "run/pkeys/secrets/token"), b"old");
    fleet.pkeys(&["rotate", "--secret", "token"]).bad("there is no terminal to ask at", "--yes");
    let ran = fleet.pkeys(&["rotate", "--secret", "token", "--yes"]);
    assert!(ran.out.contains("rotated token") && ran.err.contains("db: has the new value"), "{ran:?}");
    let new = fleet.read("web", "run/pkeys/secrets/token");
    assert!(new.len() == 40 && new.iter().all(u8::is_ascii_alphanumeric));
    assert_eq!(fleet.read("db", "run/pkeys/secrets/alias"), new);
    assert_eq!(fleet.read("web", "run/pkeys/secrets/other"), b"stays");
    assert!(
        !ran.out.contains(std::str::from_utf8(&new).unwrap()) && !ran.err.contains(std::str::from_utf8(&new).unwrap())
    );
    assert!(fleet.pkeys(&["log"]).good().contains("secret=token"));
    // A host that is down keeps the old value, and is named.
    fleet.stop("db");
    let ran = fleet.pkeys(&["rotate", "--secret", "token", "--yes"]);
    assert!(ran.status == 1 && ran.err.contains("error: db: cannot log in"), "{ran:?}");
    assert!(ran.err.contains("The old value is still on 1 host"), "{ran:?}");
    assert_ne!(fleet.read("web", "run/pkeys/secrets/token"), new);
    assert_eq!(fleet.read("db", "run/pkeys/secrets/token"), new);
    fleet.start("db");
    fleet.pkeys(&["push"]).good();
    assert_ne!(fleet.read("db", "run/pkeys/secrets/token"), new);

    let before = fleet.sandbox.snapshot();
    for (name, message, hint) in [
        ("other", "does not say how to make a new value for other", "generate = { length = 40 }"),
        ("none", "pkeys.toml has no secret none", "pkeys secret list"),
    ] {
        fleet.pkeys(&["rotate", "--secret", "token", "--secret", name, "--yes"]).bad(message, hint);
    }
    assert_eq!(before, fleet.sandbox.snapshot(), "none of them was changed");
    edit(&fleet, "{ length = 40 }", "{ lenght = 40 }");
    let said = fleet.pkeys(&["check"]);
    assert!(said.err.contains("pkeys.toml") && said.err.contains("length"), "{said:?}");
    edit(&fleet, "{ lenght = 40 }", "{ words = 6 }");
    fleet.pkeys(&["rotate", "--secret", "token", "--yes"]).good();
    let words = String::from_utf8(fleet.read("web", "run/pkeys/secrets/token")).unwrap();
    assert_eq!(words.split('-').count(), 6);
}

#[test]
fn old_private_halves_are_deleted_when_their_time_is_over() {
    let Some(fleet) = fleet() else { return };
    edit(&fleet, "# [users.ann]", "[users.root]\nhosts = [\"*\"]\n\n# [users.ann]");
    fleet.sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    fleet.sandbox.pkeys(&["key", "add", "root", "desk", "--generate"]).good();
    fleet.sandbox.pkeys(&["key", "add", "root", "phone", "--generate"]).good();
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    fleet.pkeys(&["rotate", "root", "--key", "laptop", "--yes"]).good();
    // One that is gone from keys.toml altogether is found by the log.
    fleet.sandbox.pkeys(&["key", "remove", "root", "desk"]).good();
    let secrets = fleet.sandbox.repo().join("secrets");
    let archived = |label: &str| secrets.join(format!("ssh-user-key.root.{label}.archived.age"));
    assert!(archived("laptop").exists() && archived("desk").exists() && !archived("phone").exists());
    let kept = fleet.pkeys(&["rotate", "--purge"]).good();
    assert!(kept.contains("kept root laptop (until 20") && kept.contains("kept root desk"), "{kept}");
    assert!(archived("laptop").exists() && archived("desk").exists());
    // Thirty days later: the date stands beside the file, in public.
    for label in ["laptop", "desk"] {
        let dates = secrets.join(format!("ssh-user-key.root.{label}.json"));
        let mut value: Value = serde_json::from_slice(&std::fs::read(&dates).unwrap()).unwrap();
        age(&mut value);
        std::fs::write(&dates, serde_json::to_vec_pretty(&value).unwrap()).unwrap();
    }
    let would = fleet.pkeys(&["rotate", "--purge", "--dry-run"]).good();
    assert!(would.contains("would delete root laptop") && archived("laptop").exists(), "{would}");
    let gone = fleet.pkeys(&["rotate", "--purge"]).good();
    assert!(gone.contains("deleted root laptop") && gone.contains("deleted root desk"), "{gone}");
    assert!(!archived("laptop").exists() && !archived("desk").exists());
    assert!(secrets.join("ssh-user-key.root.laptop.age").exists(), "the key in use stays");
    assert!(fleet.pkeys(&["rotate", "--purge"]).err.contains("No old private half is kept"));
    fleet.pkeys(&["rotate", "root", "--key", "laptop", "--yes"]).good();
}

/// Makes every date that something is kept until one of the past.
fn age(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                if name == "delete-after" {
                    *value = "2026-01-01".into();
                }
                age(value);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(age),
        _ => {}
    }
}

#[test]
fn each_finished_step_is_a_commit_where_that_is_asked_for() {
    let Some(fleet) = fleet() else { return };
    edit(&fleet, "# [users.ann]", "[users.root]\nhosts = [\"*\"]\n\n# [users.ann]");
    fleet.sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    fleet.pkeys(&["rotate", "root", "--yes", "--commit"]).bad("--commit needs a git repository", "git init");
    git(&fleet, &["init", "--quiet"]);
    git(&fleet, &["config", "user.email", "ann@example.org"]);
    git(&fleet, &["config", "user.name", "Ann"]);
    git(&fleet, &["add", "--all"]);
    git(&fleet, &["commit", "--quiet", "-m", "before"]);
    // What is not pkeys' stays out, staged or not.
    std::fs::write(fleet.sandbox.repo().join("configuration.nix"), "{ }").unwrap();
    std::fs::write(fleet.sandbox.repo().join("notes"), "x").unwrap();
    git(&fleet, &["add", "configuration.nix"]);
    fleet.pkeys(&["rotate", "root", "--yes", "--commit"]).good();
    let log = git(&fleet, &["log", "--format=%s"]);
    assert_eq!(
        log.lines().collect::<Vec<_>>(),
        [
            "pkeys rotate root laptop: the old key is gone",
            "pkeys rotate root laptop: the new key is proven",
            "pkeys rotate root laptop: a new key is made",
            "before"
        ]
    );
    assert_eq!(git(&fleet, &["status", "--porcelain"]), "A  configuration.nix\n?? notes\n");
    // Each commit is one that can be gone on from: its bundles verify, its log is whole.
    for commit in ["HEAD", "HEAD~1", "HEAD~2"] {
        let tree = tempfile::tempdir().unwrap();
        let tar = run_command(
            Command::new("sh")
                .args(["-c", "git -C \"$0\" archive \"$1\" | tar -x -C \"$2\""])
                .arg(fleet.sandbox.repo())
                .arg(commit)
                .arg(tree.path()),
            b"",
        );
        tar.good();
        fleet.sandbox.pkeys(&["--repo", tree.path().to_str().unwrap(), "verify"]).good();
        fleet.sandbox.pkeys(&["--repo", tree.path().to_str().unwrap(), "log", "--verify"]).good();
    }
    // A hook that refuses stops it between two steps; it goes on afterwards.
    let hook = fleet.sandbox.repo().join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    crate::common::executable(&hook, "#!/bin/sh\necho no commits today >&2\nexit 1\n");
    let ran = fleet.pkeys(&["rotate", "root", "--yes", "--commit"]);
    assert!(ran.status == 1 && ran.err.contains("git could not commit the step: no commits today"), "{ran:?}");
    std::fs::remove_file(hook).unwrap();
    fleet.pkeys(&["rotate", "root", "--yes", "--commit"]).good();
    assert_eq!(git(&fleet, &["status", "--porcelain"]), "A  configuration.nix\n?? notes\n");
}
