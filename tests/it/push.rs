//! `push`, to real sshd servers.

use crate::common::fleet::Fleet;
use crate::common::root;
use serde_json::{Value, json};

fn fleet() -> Option<Fleet> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&["web", "db", "mail"]);
    fleet.sandbox.secret("a", b"one", &["*"]);
    fleet.sandbox.pkeys(&["render"]).good();
    Some(fleet)
}

#[test]
fn bundles_arrive_and_are_installed_everywhere() {
    let Some(fleet) = fleet() else { return };
    let said = fleet.pkeys(&["push"]);
    assert_eq!(said.out.matches("pushed").count(), 3, "{said:?}");
    said.good();
    for host in ["web", "db", "mail"] {
        assert_eq!(fleet.read(host, "run/pkeys/secrets/a"), b"one");
    }
    let said = fleet.pkeys(&["push", "web"]).good();
    assert!(said.starts_with("web  unchanged  generation 1"), "{said}");
    let old = fleet.sandbox.generation("db");
    fleet.sandbox.secret("a", b"two", &[]);
    fleet.sandbox.pkeys(&["render"]).good();
    let said: Value = serde_json::from_str(&fleet.pkeys(&["--json", "push", "db"]).good()).unwrap();
    let new = fleet.sandbox.generation("db");
    let expected = json!([{ "host": "db", "state": "pushed", "generation": new, "previous": old, "problems": [], "warnings": [], "error": null }]);
    assert_eq!(said, expected);
    assert_eq!(
        (fleet.read("db", "run/pkeys/secrets/a"), fleet.read("web", "run/pkeys/secrets/a")),
        (b"two".into(), b"one".into())
    );
}

#[test]
fn a_host_that_is_down_or_refuses_leaves_the_others_alone() {
    let Some(mut fleet) = fleet() else { return };
    fleet.stop("db");
    fleet.spec("mail", json!({ "trustedSigners": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdkoSukVfg6r463QeUVfDYUoxF5VaW1f9+faPW8yugu"] }));
    let said = fleet.pkeys(&["push"]);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("error: db: cannot log in: ") && said.err.contains("Connection refused"), "{said:?}");
    assert!(said.err.contains("error: mail: the host refused it: ") && said.err.contains("trusted signer"), "{said:?}");
    assert!(said.err.contains("3 hosts, 2 failed"), "{said:?}");
    assert_eq!(fleet.read("web", "run/pkeys/secrets/a"), b"one");
    fleet.start("db");
    fleet.pkeys(&["push", "db"]).good();
    // Set apart on the host: in place, and named here.
    fleet.spec("web", json!({ "secrets": { "b": {} } }));
    let said = fleet.pkeys(&["push", "web"]);
    assert_eq!((said.status, said.out.contains("degraded")), (0, true), "{said:?}");
    assert!(said.err.contains("warning: web: secret b: no bundle has it"), "{said:?}");
}

#[test]
fn an_older_bundle_goes_to_a_host_only_when_host_and_operator_allow_it() {
    let Some(fleet) = fleet() else { return };
    let bundle = fleet.sandbox.repo().join("bundles/web");
    let old = fleet.sandbox.path("old");
    let first = fleet.sandbox.generation("web");
    std::fs::rename(&bundle, &old).unwrap();
    fleet.sandbox.accept();
    fleet.sandbox.pkeys(&["render", "web"]).good();
    fleet.sandbox.pkeys(&["render", "--force", "web"]).good();
    fleet.pkeys(&["push", "web"]).good();
    let second = fleet.sandbox.generation("web");
    assert!(second > first + 1, "generations never fall");
    std::fs::remove_dir_all(&bundle).unwrap();
    std::fs::rename(&old, &bundle).unwrap();
    let said = fleet.pkeys(&["push", "web", "--allow-rollback"]);
    assert!(
        said.err.contains(&format!("the host has generation {second}, and this is the older {first}")),
        "the login may not: {said:?}"
    );
    fleet.allow("web", "--allow-rollback");
    let said = fleet.pkeys(&["push", "web", "--allow-rollback"]).good();
    assert!(said.contains("pushed"), "{said}");
}

#[test]
fn what_cannot_be_pushed_is_said_before_anything_is_sent() {
    let Some(fleet) = fleet() else { return };
    fleet.sandbox.host("new", &["--address", "root@web"]);
    fleet.sandbox.host("lost", &[]);
    fleet.pkeys(&["push", "new"]).bad("new: it has no bundle yet", "pkeys render new");
    fleet.pkeys(&["push", "lost"]).bad("lost: pkeys.toml has no address for it", "--address root@lost");
    fleet.pkeys(&["push", "none"]).bad("has no host none", "pkeys host add");
    let payload = fleet.sandbox.repo().join("bundles/web/secrets.age");
    std::fs::write(payload, "damaged").unwrap();
    fleet.pkeys(&["push", "web"]).bad("secrets.age is not the file that manifest.json names", "pkeys render web");
    assert!(!fleet.root("web").join("var").exists());
}

#[test]
fn a_branch_that_does_not_know_what_a_host_has_is_stopped() {
    let Some(fleet) = fleet() else { return };
    let sandbox = &fleet.sandbox;
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\n");
    for label in ["laptop", "stolen"] {
        let (_, public) = sandbox.ssh_key(label, "ed25519");
        sandbox.pkeys(&["key", "add", "root", label, "--public", &public]).good();
    }
    sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push", "web"]).good();
    // Another operator, on another machine: takes the stolen key away.
    let (mine, theirs) = (sandbox.repo(), sandbox.path("theirs"));
    crate::common::run("cp", &["-r", mine.to_str().unwrap(), theirs.to_str().unwrap()], b"").good();
    let other = |arguments: &[&str]| {
        let mut command = fleet.command();
        command.env("PKEYS_STATE_DIR", sandbox.path("their-state")).current_dir(&theirs).args(arguments);
        crate::common::run_command(&mut command, b"")
    };
    other(&["trust", "accept", "--all"]).good();
    other(&["key", "remove", "root", "stolen"]).good();
    other(&["render"]).good();
    other(&["push", "web"]).good();
    let generation = |repository: &std::path::Path| {
        let manifest = std::fs::read(repository.join("bundles/web/manifest.json")).unwrap();
        serde_json::from_slice::<Value>(&manifest).unwrap()["generation"].as_u64().unwrap()
    };
    let authorized = || String::from_utf8(fleet.read("web", "run/pkeys/authorized_keys/root")).unwrap();
    assert_eq!(authorized().lines().count(), 1);
    // The stale branch renders later, with a higher number: it would bring the key back.
    while jiff::Timestamp::now().as_second() <= i64::try_from(generation(&theirs)).unwrap() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    sandbox.secret("a", b"two", &[]);
    sandbox.pkeys(&["render"]).good();
    let ran = fleet.pkeys(&["push", "web"]);
    assert!(ran.err.contains("the host has a bundle that this clone does not know: generation "), "{ran:?}");
    assert!(ran.err.contains("+ key SHA256:") && ran.err.contains(" for root"), "{ran:?}");
    ran.bad("web: the host has a bundle that this clone does not know", "git pull");
    assert_eq!(authorized().lines().count(), 1);
    assert_eq!(fleet.read("web", "run/pkeys/secrets/a"), b"one");
    // Who knows better can insist.
    fleet.pkeys(&["push", "web", "--overwrite"]).good();
    assert_eq!(authorized().lines().count(), 2);
}
