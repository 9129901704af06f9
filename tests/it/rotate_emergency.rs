//! `rotate --emergency`: a stolen key, on real sshd servers.

use crate::common::fleet::Fleet;
use crate::common::{Ran, root, run_command};
use serde_json::Value;
use std::path::{Path, PathBuf};

const HOSTS: [&str; 3] = ["web", "db", "mail"];

/// Three hosts that let root in with two keys: `laptop`, which pkeys holds, and `phone`, which it does not.
fn fleet() -> Option<(Fleet, PathBuf, PathBuf)> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&HOSTS);
    let (laptop, _) = fleet.sandbox.ssh_key("laptop", "ed25519");
    let (phone, public) = fleet.sandbox.ssh_key("phone", "ed25519");
    fleet.sandbox.secret("token", b"hunter2\n", &["*"]);
    fleet.sandbox.pkeys_with(&["secret", "set", "first-key"], &std::fs::read(&laptop).unwrap()).good();
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    fleet.sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\n");
    fleet.sandbox.pkeys(&["key", "add", "root", "laptop", "--from", "age:first-key"]).good();
    fleet.sandbox.pkeys(&["key", "add", "root", "phone", "--public", &public]).good();
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    assert!(HOSTS.iter().all(|host| fleet.login(host, &laptop) && fleet.login(host, &phone)));
    Some((fleet, laptop, phone))
}

fn emergency(fleet: &Fleet, label: &str, more: &[&str]) -> Ran {
    fleet.pkeys(&[&["rotate", "root", "--key", label, "--emergency"], more].concat())
}

fn labels(fleet: &Fleet) -> Vec<(String, String)> {
    let list: Value = serde_json::from_str(&fleet.pkeys(&["--json", "key", "list"]).good()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(|key| (text(&key["label"]), text(&key["state"]))).collect()
}

#[track_caller]
fn refused(fleet: &Fleet, key: &Path, hosts: &[&str]) {
    for host in HOSTS {
        assert_eq!(fleet.login(host, key), !hosts.contains(&host), "{host}");
    }
}

#[test]
fn a_stolen_key_goes_at_once_where_it_can_and_the_rest_is_named() {
    let Some((mut fleet, laptop, phone)) = fleet() else { return };
    fleet
        .pkeys(&["rotate", "root", "--emergency", "--yes"])
        .bad("which of the keys was stolen?", "--key laptop, or --key phone");
    let dry = emergency(&fleet, "laptop", &["--dry-run"]);
    assert!(dry.err.contains("take it off wherever another key reaches; new key"), "{dry:?}");
    emergency(&fleet, "laptop", &[]).bad("there is no terminal to ask at", "--yes");
    // A secret has changed, and cannot be read: none needs to be.
    let token = fleet.sandbox.repo().join("secrets/token.age");
    let kept = std::fs::read(&token).unwrap();
    let mut command = std::process::Command::new("age");
    command.args(["-r", "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg", "-o"]).arg(&token);
    run_command(&mut command, b"new").good();
    fleet.stop("db");
    let ran = emergency(&fleet, "laptop", &["--yes"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    for line in [
        "web: refuses the stolen key",
        "mail: refuses the stolen key",
        "error: db: the stolen key may still work there: cannot log in",
        "The stolen key may still work where it could not be taken off.",
        "pkeys rotate root --key laptop --emergency",
    ] {
        assert!(ran.err.contains(line), "{line}: {}", ran.err);
    }
    std::fs::write(&token, kept).unwrap();
    // Nor is a setting that changed meanwhile forgotten over it.
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    fleet.sandbox.manifest(text.replace("from = \"age:token\"", "from = \"age:token\"\ntrim = true"));
    fleet.start("db");
    refused(&fleet, &laptop, &["web", "mail"]);
    refused(&fleet, &phone, &[]);
    assert!(
        fleet.pkeys(&["rotate", "root", "--key", "laptop", "--abort", "--yes"]).err.contains("withdrawn as stolen")
    );
    let ran = emergency(&fleet, "laptop", &[]);
    assert!(ran.err.contains("db: refuses the stolen key") && ran.out.contains("rotated root laptop"), "{ran:?}");
    refused(&fleet, &laptop, &HOSTS);
    refused(&fleet, &phone, &[]);
    assert_eq!(labels(&fleet), [("laptop".into(), "active".into()), ("phone".into(), "active".into())]);
    assert!(HOSTS.iter().all(|host| fleet.read(host, "run/pkeys/secrets/token") == b"hunter2"));
    fleet.sandbox.pkeys(&["log", "--verify"]).good();
    assert!(fleet.sandbox.pkeys(&["log"]).good().contains("step=emergency"));
}

#[test]
fn a_stolen_key_that_pkeys_does_not_hold_is_removed_everywhere() {
    let Some((mut fleet, laptop, phone)) = fleet() else { return };
    fleet.stop("mail");
    let ran = emergency(&fleet, "phone", &["--yes"]);
    assert!(ran.status == 1 && ran.err.contains("mail: the stolen key may still work there"), "{ran:?}");
    fleet.start("mail");
    refused(&fleet, &phone, &["web", "db"]);
    // The key stands in the hosts' own configuration too: that is found, although nobody here has its private half.
    let place = fleet.root("web").join("push_keys");
    let keys = std::fs::read_to_string(&place).unwrap();
    let line = std::fs::read_to_string(fleet.sandbox.path("phone.key.pub")).unwrap();
    std::fs::write(&place, format!("{keys}\n{line}")).unwrap();
    let ran = emergency(&fleet, "phone", &["--yes"]);
    assert!(
        ran.status == 1 && ran.err.contains("web: the stolen key may still work there: it still accepts"),
        "{ran:?}"
    );
    std::fs::write(&place, keys).unwrap();
    emergency(&fleet, "phone", &["--yes"]).good();
    refused(&fleet, &phone, &HOSTS);
    refused(&fleet, &laptop, &[]);
    assert_eq!(labels(&fleet), [("laptop".into(), "active".into())]);
}

#[test]
fn a_host_that_only_the_stolen_key_reaches_is_not_locked() {
    let Some((fleet, laptop, _)) = fleet() else { return };
    // The operator pushes with the key that is stolen, and the phone is not for web.
    let config = fleet.sandbox.path("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("push.key", "laptop.key")).unwrap();
    for host in HOSTS {
        let place = fleet.root(host).join("push_keys");
        let keys = std::fs::read_to_string(&place).unwrap();
        let public = std::fs::read_to_string(laptop.with_extension("key.pub")).unwrap();
        let command = &keys[..keys.find("ssh-ed25519").unwrap()];
        std::fs::write(&place, format!("{command}{public}")).unwrap();
    }
    let keys = fleet.sandbox.repo().join("keys.toml");
    let text = std::fs::read_to_string(&keys).unwrap();
    let phone = text.find("label = \"phone\"").unwrap();
    let (before, after) = text.split_at(phone);
    std::fs::write(&keys, format!("{before}{}", after.replacen("added =", "hosts = [\"db\", \"mail\"]\nadded =", 1)))
        .unwrap();
    fleet.sandbox.pkeys(&["render"]).good();
    let ran = emergency(&fleet, "laptop", &["--yes"]);
    assert!(
        ran.err.contains("web: the stolen key may still work there: you reach it with the stolen key alone"),
        "{ran:?}"
    );
    let text = std::fs::read_to_string(keys).unwrap();
    assert!(text.contains("revoked = [\"db\", \"mail\"]"), "{text}");
}

#[test]
fn the_new_key_goes_only_where_the_stolen_one_was_whatever_a_committer_wrote_meanwhile() {
    let Some((fleet, _, _)) = fleet() else { return };
    fleet.sandbox.pkeys(&["key", "add", "root", "tablet", "--generate", "--host", "web"]).good();
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    // A committer makes it a key of all hosts, and waits for the day on which somebody is in a hurry.
    let path = fleet.sandbox.repo().join("keys.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let hosts = "hosts = [\"web\"]\n";
    assert_eq!(text.matches(hosts).count(), 1, "{text}");
    std::fs::write(&path, text.replace(hosts, "")).unwrap();
    let ran = emergency(&fleet, "tablet", &["--yes"]);
    assert!(ran.err.contains("made a new key") && ran.err.contains("web: refuses the stolen key"), "{ran:?}");
    let lines = |host: &str| fleet.read(host, "run/pkeys/authorized_keys/root").iter().filter(|b| **b == b'\n').count();
    for host in ["db", "mail"] {
        assert_eq!(lines(host), 2, "{host}: laptop and phone");
        let bundle = fleet.sandbox.repo().join(format!("bundles/{host}/manifest.json"));
        assert_eq!(std::fs::read_to_string(bundle).unwrap().matches("ssh-ed25519 ").count(), 2, "{host}");
    }
    // Whoever looks at it may say so: the same command goes on, and a render asks.
    fleet.pkeys(&["render"]).bad("others have added grants", "--accept");
}
