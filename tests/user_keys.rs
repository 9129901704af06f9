//! The users' keys: what is taken, what is said of them, who may log in where.

mod common;

use common::Sandbox;

fn keys_toml(sandbox: &Sandbox, entries: &[(&str, &str, &str, &str, &str)]) {
    let mut text = "version = 1\n".to_owned();
    for (user, label, state, public, more) in entries {
        text += &format!(
            "[[key]]\nuser = \"{user}\"\nlabel = \"{label}\"\nstate = \"{state}\"\npublic = \"{public}\"\nadded = 2026-01-01\n{more}\n"
        );
    }
    std::fs::write(sandbox.repo().join("keys.toml"), text).unwrap();
}

fn users(sandbox: &Sandbox, text: &str) {
    let all = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let all = all.split("\n[users.").next().unwrap();
    std::fs::write(sandbox.repo().join("pkeys.toml"), format!("{all}\n{text}")).unwrap();
}

fn authorized(sandbox: &Sandbox, host: &str) -> serde_json::Value {
    let bundle: serde_json::Value =
        serde_json::from_slice(&sandbox.read(&format!("bundles/{host}/manifest.json"))).unwrap();
    bundle["authorized_keys"].clone()
}

#[test]
fn bundles_authorize_the_keys_of_the_users_of_their_host() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--tag", "server"]);
    sandbox.host("db", &["--tag", "server"]);
    sandbox.host("pc", &[]);
    users(&sandbox, "[users.joe]\nhosts = [\"tag:server\"]\n[users.eve]\nhosts = [\"*\"]\n");
    let keys: Vec<_> = (0..4).map(|n| sandbox.ssh_key(&format!("u{n}"), "ed25519").1).collect();
    keys_toml(
        &sandbox,
        &[
            ("joe", "laptop", "active", &keys[0], "options = 'from=\"10.0.0.0/8\"'"),
            ("joe", "laptop", "pending", &keys[1], ""),
            ("joe", "desk", "active", &keys[2], "hosts = [\"db\", \"pc\"]"),
            ("tim", "laptop", "active", &keys[3], ""),
        ],
    );
    sandbox.pkeys(&["render"]).good();
    let laptop = format!("from=\"10.0.0.0/8\" {}", keys[0]);
    // Every state counts; eve, who has no key, is not there at all; tim is no user of pkeys.toml.
    assert_eq!(authorized(&sandbox, "web"), serde_json::json!({ "joe": [keys[1], laptop] }));
    assert_eq!(authorized(&sandbox, "db"), serde_json::json!({ "joe": [keys[2], keys[1], laptop] }));
    assert_eq!(authorized(&sandbox, "pc"), serde_json::json!({}));

    keys_toml(&sandbox, &[("joe", "laptop", "active", &keys[1], ""), ("joe", "desk", "retiring", &keys[2], "")]);
    let said = sandbox.pkeys(&["status"]).good();
    assert_eq!(said.matches("stale: keys of joe").count(), 2, "{said}");
    let said = sandbox.pkeys(&["render", "--dry-run"]).good();
    assert_eq!(said.matches("keys of joe").count(), 2, "{said}");
    sandbox.pkeys(&["render"]).good();
    assert_eq!(authorized(&sandbox, "web"), serde_json::json!({ "joe": [keys[2], keys[1]] }));
    sandbox.pkeys(&["verify"]).good();

    std::fs::write(sandbox.repo().join("keys.toml"), "version = 1\n[[kay]]\n").unwrap();
    sandbox.pkeys(&["render"]).bad("web: keys.toml:2: unknown key `kay`", "did you mean `key`?");
}
