//! Policies and rotations, on real sshd servers: what is new is refused, what is to go is never held up.

use crate::common::fleet::Fleet;
use crate::common::{Ran, root};
use std::path::PathBuf;

const HOSTS: [&str; 2] = ["web", "db"];

/// Two hosts that let root in with two keys that pkeys holds, added in 2020 and due every 90 days.
fn fleet() -> Option<(Fleet, PathBuf, PathBuf)> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&HOSTS);
    fleet.sandbox.secret("token", b"hunter2\n", &["*"]);
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    fleet.sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\nrotate-every = \"90d\"\n");
    let keys = ["laptop", "phone"].map(|label| {
        let (private, _) = fleet.sandbox.ssh_key(label, "ed25519");
        fleet.sandbox.pkeys_with(&["secret", "set", label], &std::fs::read(&private).unwrap()).good();
        fleet.sandbox.pkeys(&["key", "add", "root", label, "--from", &format!("age:{label}")]).good();
        private
    });
    let path = fleet.sandbox.repo().join("keys.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let day = text.lines().find_map(|line| line.strip_prefix("added = ")).unwrap().to_owned();
    std::fs::write(&path, text.replace(&day, "2020-01-01")).unwrap();
    let ran = fleet.sandbox.pkeys(&["render"]);
    assert!(ran.err.contains("warning: key root laptop, key root phone: it is older than `rotate-every`"), "{ran:?}");
    fleet.pkeys(&["push"]).good();
    let [laptop, phone] = keys;
    assert!(HOSTS.iter().all(|host| fleet.login(host, &laptop) && fleet.login(host, &phone)));
    Some((fleet, laptop, phone))
}

fn rule(fleet: &Fleet, text: &str) {
    let directory = fleet.sandbox.repo().join("policies");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("mine.cedar"), text).unwrap();
}

fn rotate(fleet: &Fleet, label: &str, more: &[&str]) -> Ran {
    fleet.pkeys(&[&["rotate", "root", "--key", label, "--yes"], more].concat())
}

const NO_NEW_KEYS: &str = "@id(\"no-new-keys\") @reason(\"keys come from the office\") @fix(\"go there\")\n\
    forbid (principal is SshKey, action == Action::\"authorize\", resource) when { principal.state == \"pending\" };\n";
const NO_OLD_KEYS: &str = "@id(\"no-old-keys\") @reason(\"it is old\") @fix(\"rotate it\")\n\
    forbid (principal is SshKey, action == Action::\"authorize\", resource)\n\
    when { principal has age && principal.age > 90 && !principal.beingReplaced };\n";

#[test]
fn a_rule_or_a_broken_policy_never_keeps_a_stolen_key_where_it_is() {
    let Some((fleet, laptop, phone)) = fleet() else { return };
    let all = "@id(\"nothing\") @reason(\"freeze\") @fix(\"wait\")\nforbid (principal, action, resource);\n";
    rule(&fleet, all);
    fleet.pkeys(&["render", "--force"]).bad("freeze", "wait");
    fleet.pkeys(&["push"]).bad("freeze", "wait");
    rotate(&fleet, "laptop", &[]).bad("freeze", "wait");
    let before = std::fs::read(fleet.sandbox.repo().join("keys.toml")).unwrap();
    rule(&fleet, NO_NEW_KEYS);
    rotate(&fleet, "laptop", &[])
        .bad("the key root laptop pending may not log in on db: keys come from the office", "go there");
    assert_eq!(before, std::fs::read(fleet.sandbox.repo().join("keys.toml")).unwrap());
    assert!(!fleet.sandbox.repo().join("secrets/ssh-user-key.root.laptop.age").exists());
    // A policy that cannot even be read.
    rule(&fleet, "forbid (principal");
    rotate(&fleet, "laptop", &[]).bad("policies/mine.cedar:1", "");
    let ran = rotate(&fleet, "laptop", &["--emergency"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    for line in [
        "the stolen key is withdrawn where it can be, and no new one was made",
        "web: refuses the stolen key",
        "db: refuses the stolen key",
        "warning: host web may not get the secret token: the policies cannot be asked: policies/mine.cedar:1",
        "it stays where it is",
    ] {
        assert!(ran.err.contains(line), "{line}: {}", ran.err);
    }
    for host in HOSTS {
        assert!(!fleet.login(host, &laptop) && fleet.login(host, &phone), "{host}");
        assert_eq!(fleet.read(host, "run/pkeys/secrets/token"), b"hunter2\n");
    }
    // Once it is mended, the same command goes on.
    rule(&fleet, "");
    let ran = rotate(&fleet, "laptop", &["--emergency"]);
    assert!(ran.out.contains("rotated root laptop"), "{ran:?}");
}

#[test]
fn two_keys_over_age_do_not_keep_each_other_from_being_replaced() {
    let Some((fleet, laptop, phone)) = fleet() else { return };
    rule(&fleet, NO_OLD_KEYS);
    fleet.pkeys(&["render", "--force"]).bad("the key root laptop may not log in on", "rotate it");
    let ran = rotate(&fleet, "laptop", &[]);
    assert!(ran.err.contains("warning: the key root phone may not log in on web: it is old"), "{ran:?}");
    assert!(ran.out.contains("rotated root laptop"), "{ran:?}");
    assert!(HOSTS.iter().all(|host| !fleet.login(host, &laptop) && fleet.login(host, &phone)));
    rotate(&fleet, "phone", &[]).good();
    assert!(HOSTS.iter().all(|host| !fleet.login(host, &phone)));
    fleet.pkeys(&["render", "--force"]).good();
}
