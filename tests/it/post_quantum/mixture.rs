//! Post-quantum recipients and others: never in one file, and the way from one to the other.

use super::typage::{age, host, typed};
use crate::common::Sandbox;

#[test]
fn post_quantum_recipients_never_stand_beside_others() {
    let sandbox = Sandbox::new();
    sandbox.host("old", &[]);
    sandbox.secret("token", b"hunter2", &["*"]);
    sandbox.pkeys(&["render"]).good();
    // A new break-glass key would stand beside the host's and the operator's.
    let before = sandbox.snapshot();
    let refused = sandbox.pkeys(&["break-glass", "init", "--post-quantum", "--yes"]);
    refused.bad("recipients that are not: those of ann, old", "age1pq1… recipients first");
    assert_eq!(sandbox.snapshot(), before);

    // A host with both is not rendered, and its old bundle stays.
    let mixed = sandbox.path("mixed");
    age(&sandbox, &["-pq", "-o", mixed.to_str().unwrap()], b"").good();
    let hybrid = age(&sandbox, &["-y", mixed.to_str().unwrap()], b"").good();
    let (_, ssh) = sandbox.ssh_key("both", "ed25519");
    let added = sandbox.pkeys(&["host", "add", "old", "--recipient", hybrid.trim(), "--recipient", &ssh]);
    assert!(
        added.err.contains("it cannot be rendered yet: post-quantum recipients (old) cannot stand beside"),
        "{added:?}"
    );
    added.good();
    let bundle = sandbox.read("bundles/old/secrets.age");
    sandbox.pkeys(&["render"]).bad("cannot stand beside others (old)", "break-glass rotate --post-quantum");
    assert_eq!(sandbox.read("bundles/old/secrets.age"), bundle);
    let checked = sandbox.pkeys(&["check"]);
    assert!(
        checked.status != 0 && (checked.out + &checked.err).contains("cannot stand beside others"),
        "check says it"
    );

    // With all the others changed, everything is.
    sandbox.pkeys(&["host", "add", "old", "--recipient", hybrid.trim(), "--address", "root@host.invalid"]).good();
    sandbox.pkeys(&["init", "--no-passphrase", "--name", "ann", "--post-quantum"]).good();
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    assert!(
        !text.contains("age1pq1…") && text.matches("\"age1pq1").count() == 2 && !text.contains("\"age1q"),
        "{text}"
    );
    sandbox.pkeys(&["init", "--no-passphrase", "--name", "ann"]).good();
    assert_eq!(String::from_utf8(sandbox.read("pkeys.toml")).unwrap(), text, "the old key does not come back");
    sandbox.pkeys(&["secret", "rekey"]).good();
    sandbox
        .pkeys(&["break-glass", "init", "--yes"])
        .bad("are post-quantum, and break-glass would not be", "--post-quantum");
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let file = memory.path().join("sheets");
    sandbox.pkeys(&["break-glass", "init", "--post-quantum", "--yes", "--sheets", file.to_str().unwrap()]).good();
    sandbox.pkeys(&["render"]).good();
    sandbox.pkeys(&["check"]).good();
    let payload = sandbox.repo().join("bundles/old/secrets.age");
    let tar = age(&sandbox, &["-d", "-i", mixed.to_str().unwrap(), payload.to_str().unwrap()], b"").good();
    assert!(tar.contains("hunter2"));
    let rotate = ["rotate", "--host", "old", "--yes"];
    sandbox.pkeys(&rotate).bad("old is sealed to post-quantum recipients", "docs/post-quantum.md");
}

#[test]
fn a_repository_becomes_post_quantum_step_by_step() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("token", b"hunter2", &["web"]);
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let sheets = |name: &str| memory.path().join(name).to_str().unwrap().to_owned();
    sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", &sheets("old")]).good();
    let old = sandbox.read("bundles/web/secrets.age");

    let key = host(&sandbox, "web");
    sandbox.pkeys(&["render"]).bad("post-quantum recipients (web) cannot stand beside others (break-glass)", "");
    let rotate = ["break-glass", "rotate", "--post-quantum", "--yes", "--sheets", &sheets("new")];
    sandbox.pkeys(&rotate).bad("recipients that are not: those of ann", "age1pq1… recipients first");
    sandbox.pkeys(&["init", "--no-passphrase", "--name", "ann", "--post-quantum"]).good();
    sandbox.pkeys_with(&["secret", "set", "other"], b"x").bad("(ann) cannot stand beside others (break-glass)", "");
    assert_eq!(sandbox.read("bundles/web/secrets.age"), old, "the host goes on with what it has");

    sandbox.pkeys(&rotate).good();
    sandbox.pkeys(&["verify"]).good();
    let payload = sandbox.repo().join("bundles/web/secrets.age");
    let tar = age(&sandbox, &["-d", "-i", key.to_str().unwrap(), payload.to_str().unwrap()], b"").good();
    assert!(tar.contains("hunter2"));
    let lines = typed(&std::fs::read_to_string(memory.path().join("new/sheet.html")).unwrap());
    sandbox.pkeys_with(&["break-glass", "drill"], lines.as_bytes()).good();
    let lines = typed(&std::fs::read_to_string(memory.path().join("old/sheet.html")).unwrap());
    sandbox.pkeys_with(&["break-glass", "drill"], lines.as_bytes()).bad("no break-glass recipient", "fingerprint");
}
