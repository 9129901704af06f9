//! Proofs that somebody forges who has no key of the host: on the TCP path, at a jump host, in a banner. Real sshd servers
//! and the system's ssh; in each test the forger prints every line from which a verdict could be taken.

use crate::common::fleet::Fleet;
use crate::common::forger::{Attack, Forger};
use crate::common::forgery::{ALL, Way, each, fingerprints, forge, let_in, refused};
use crate::common::sshd::Sshd;
use crate::common::{Ran, root, run, run_command};
use serde_json::{Value, json};
use std::process::Command;

/// One host that lets root in with `laptop`, which pkeys holds, and with `phone`, which it does not; and on which ghost,
/// who has a key too, does not exist.
fn fleet() -> Option<Fleet> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&["web"]);
    let (_, phone) = fleet.sandbox.ssh_key("phone", "ed25519");
    fleet.sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    fleet.sandbox.pkeys(&["key", "add", "root", "phone", "--public", &phone]).good();
    fleet.sandbox.pkeys(&["key", "add", "ghost", "laptop", "--generate"]).good();
    let text = String::from_utf8(fleet.sandbox.read("pkeys.toml")).unwrap();
    fleet.sandbox.manifest(text.replace("hosts = []", "hosts = [\"*\"]"));
    fleet.sandbox.secret("token", b"hunter2", &["*"]);
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    Some(fleet)
}

fn keys(fleet: &Fleet) -> Vec<(String, String, String)> {
    let list: Value = serde_json::from_str(&fleet.pkeys(&["--json", "key", "list"]).good()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |key: &Value| (text(&key["user"]), text(&key["label"]), text(&key["state"]));
    list.as_array().unwrap().iter().map(one).collect()
}

/// What is not proven is an error, and the rotation goes on waiting.
#[track_caller]
fn waits(ran: &Ran, fleet: &Fleet, user: &str, way: Way) {
    assert_eq!(ran.status, 1, "{way:?}: {ran:?}");
    assert!(!ran.err.contains("a login with the new key works"), "{way:?}: {ran:?}");
    assert!(ran.err.lines().any(|line| line.starts_with("hint:")), "{way:?}: {ran:?}");
    let pending = (user.to_owned(), "laptop".to_owned(), "pending".to_owned());
    assert!(keys(fleet).contains(&pending), "{way:?}: {:?}", keys(fleet));
}

#[test]
fn a_forged_login_does_not_end_a_rotation_of_a_user_who_does_not_exist() {
    each(&ALL, |way| {
        let Some(mut fleet) = fleet() else { return };
        // The first connection pushes the bundle.
        let _forgery = forge(&mut fleet, way, 1, |keys| let_in(&fingerprints(keys, "ghost")));
        let ran = fleet.pkeys(&["rotate", "ghost", "--yes"]);
        waits(&ran, &fleet, "ghost", way);
    });
}

#[test]
fn a_forged_login_does_not_end_a_rotation_whose_new_key_the_host_does_not_accept() {
    each(&[Way::Before, Way::Packets, Way::Elsewhere, Way::Jump], |way| {
        let Some(mut fleet) = fleet() else { return };
        // This sshd does not read what pkeys installs.
        let root = fleet.root("web");
        let (old, _) = fleet.sandbox.ssh_key("old", "ed25519");
        let there = std::fs::read_to_string(root.join("push_keys")).unwrap();
        let line = std::fs::read_to_string(old.with_extension("key.pub")).unwrap();
        std::fs::write(root.join("push_keys"), format!("{there}\n{line}")).unwrap();
        let port = fleet.servers[0].port;
        let settings =
            ["StrictModes=no", "PermitRootLogin=yes", &format!("AuthorizedKeysFile={}/push_keys", root.display())];
        fleet.stop("web");
        fleet.servers[0].sshd = Some(Sshd::on(port, &root, &root.join("etc/host.key"), &settings));
        let _forgery = forge(&mut fleet, way, 1, |keys| let_in(&fingerprints(keys, "root")));
        let ran = fleet.pkeys(&["rotate", "root", "--key", "laptop", "--yes"]);
        waits(&ran, &fleet, "root", way);
    });
}

#[test]
fn a_stolen_key_that_works_is_not_said_to_be_refused() {
    each(&ALL, |way| {
        let Some(mut fleet) = fleet() else { return };
        // The key is authorized on the host by other means too.
        let place = fleet.root("web").join("push_keys");
        let there = std::fs::read_to_string(&place).unwrap();
        let line = std::fs::read_to_string(fleet.sandbox.path("phone.key.pub")).unwrap();
        std::fs::write(&place, format!("{there}\n{line}")).unwrap();
        // The first two connections look which key the operator has, and push.
        let _forgery = forge(&mut fleet, way, 2, |keys| refused(&fingerprints(keys, "root")));
        let ran = fleet.pkeys(&["rotate", "root", "--key", "phone", "--emergency", "--yes"]);
        assert_eq!(ran.status, 1, "{way:?}: {ran:?}");
        assert!(ran.err.contains("web: the stolen key may still work there"), "{way:?}: {ran:?}");
        assert!(!ran.err.contains("refuses the stolen key"), "{way:?}: {ran:?}");
        assert!(keys(&fleet).iter().any(|(_, label, _)| label == "phone"), "{way:?}: it is forgotten");
    });
}

#[test]
fn a_host_is_not_locked_because_a_login_with_another_key_is_forged() {
    each(&[Way::Before, Way::Instead, Way::Packets, Way::Elsewhere, Way::Jump], |way| {
        let Some(mut fleet) = fleet() else { return };
        // The operator gets in with the stolen key alone.
        let (_, other) = fleet.sandbox.ssh_key("other", "ed25519");
        let place = fleet.root("web").join("push_keys");
        let there = std::fs::read_to_string(&place).unwrap();
        let line = std::fs::read_to_string(fleet.sandbox.path("phone.key.pub")).unwrap();
        let command = &there[..there.find("ssh-ed25519").unwrap()];
        std::fs::write(&place, format!("{command}{line}")).unwrap();
        std::fs::write(fleet.root("web").join("run/pkeys/authorized_keys/root"), &line).unwrap();
        let config = fleet.sandbox.path("ssh_config");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text.replace("push.key", "phone.key")).unwrap();
        let other = ssh_key::PublicKey::from_openssh(&other).unwrap().fingerprint(ssh_key::HashAlg::Sha256).to_string();
        let _forgery = forge(&mut fleet, way, 0, move |keys| {
            let mut keys = fingerprints(keys, "root");
            keys.push(other.clone());
            let_in(&keys)
        });
        let ran = fleet.pkeys(&["rotate", "root", "--key", "phone", "--emergency", "--yes"]);
        assert_eq!(ran.status, 1, "{way:?}: {ran:?}");
        assert!(ran.err.contains("web: the stolen key may still work there"), "{way:?}: {ran:?}");
        let text = std::fs::read_to_string(fleet.sandbox.repo().join("keys.toml")).unwrap();
        assert!(!text.contains("revoked"), "{way:?}: {text}");
    });
}

#[test]
fn an_old_host_key_is_not_dropped_before_the_new_one_is_proven() {
    each(&ALL, |way| {
        let Some(mut fleet) = fleet() else { return };
        // The host cannot put the new key where it should.
        std::os::unix::fs::symlink("/etc/another.key", fleet.root("web").join("etc/link")).unwrap();
        fleet.spec("web", json!({ "hostKey": { "path": "/etc/link" } }));
        let _forgery = forge(&mut fleet, way, 1, |keys| let_in(&fingerprints(keys, "root")));
        let ran = fleet.pkeys(&["rotate", "--host", "web", "--yes"]);
        assert_eq!(ran.status, 1, "{way:?}: {ran:?}");
        assert!(!ran.err.contains("its sshd has it") && !ran.err.contains("is sealed no more"), "{way:?}: {ran:?}");
        let bundle = fleet.sandbox.repo().join("bundles/web/secrets.age");
        let key = fleet.root("web").join("etc/host.key");
        run_command(Command::new("age").arg("-d").arg("-i").arg(key).arg(bundle), b"").good();
    });
}

#[test]
fn a_check_of_logins_is_not_fooled() {
    each(&[Way::Before, Way::Jump, Way::Banner], |way| {
        let Some(mut fleet) = fleet() else { return };
        let _forgery = forge(&mut fleet, way, 0, |keys| let_in(&fingerprints(keys, "ghost")));
        let ran = fleet.pkeys(&["--json", "host", "check", "--logins"]);
        let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{way:?}: {e}: {ran:?}"));
        let logins = said[0]["logins"].as_array().unwrap();
        let of = |name: &str| logins.iter().find(|login| login["key"].as_str().unwrap().starts_with(name)).unwrap();
        assert_eq!(of("ghost laptop")["found"], "refused", "{way:?}: {said:#}");
        assert_eq!(of("root laptop")["found"], "accepted", "{way:?}: {said:#}");
        assert_eq!((ran.status, &said[0]["state"]), (1, &json!("degraded")), "{way:?}: {said:#}");
    });
    each(&[Way::Instead, Way::Packets, Way::Elsewhere], |way| {
        let Some(mut fleet) = fleet() else { return };
        let _forgery = forge(&mut fleet, way, 0, |keys| let_in(&fingerprints(keys, "ghost")));
        let ran = fleet.pkeys(&["--json", "host", "check", "--logins"]);
        let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{way:?}: {e}: {ran:?}"));
        assert_eq!((ran.status, &said[0]["state"]), (1, &json!("unreachable")), "{way:?}: {said:#}");
    });
}

#[test]
fn a_banner_before_the_version_string_harms_nobody() {
    let Some(mut fleet) = fleet() else { return };
    let _forgery = forge(&mut fleet, Way::Before, 0, |keys| refused(&fingerprints(keys, "root")));
    let ran = fleet.pkeys(&["rotate", "root", "--key", "laptop", "--yes"]);
    assert!(ran.err.contains("web: a login with the new key works"), "{ran:?}");
    ran.good();
}

/// Why a log of its own is not enough: OpenSSH writes texts of unencrypted packets into it, with their line breaks.
#[test]
fn openssh_logs_whole_lines_of_somebody_who_holds_no_key() {
    let sandbox = crate::common::Sandbox::empty();
    let forger = Forger::new(1, 0, || Attack::Packets(let_in(&["SHA256:new".into()])));
    let log = sandbox.path("log");
    let port = forger.port.to_string();
    let arguments =
        ["-F", "none", "-o", "BatchMode=yes", "-o", "LogLevel=DEBUG1", "-p", &port, "-E", log.to_str().unwrap()];
    let ran = run("ssh", &[&arguments[..], &["127.0.0.1", "true"]].concat(), b"");
    assert_eq!(ran.status, 255, "{ran:?}");
    let text = std::fs::read_to_string(log).unwrap();
    for line in let_in(&["SHA256:new".into()]).lines() {
        assert!(text.lines().any(|there| there == line), "{line}: {text}");
    }
}
