//! `pkeys adopt` with bad input: each a clear message, and no change.

use crate::common::{Sandbox, run_command};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A repository with the hosts web and db, and ann's key in a file of web's.
fn sandbox() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.host("db", &[]);
    let key = sandbox.ssh_key("ann", "ed25519").1;
    write(&sandbox, "hosts/web.nix", module("ann", &key));
    (sandbox, key)
}

fn module(user: &str, key: &str) -> String {
    format!("{{\n  users.users.{user}.openssh.authorizedKeys.keys = [ \"{key}\" ];\n}}\n")
}

fn write(sandbox: &Sandbox, name: &str, text: impl AsRef<[u8]>) {
    let path = sandbox.repo().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn git(sandbox: &Sandbox, arguments: &[&str]) {
    let mut git = Command::new("git");
    let who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"];
    run_command(git.arg("-C").arg(sandbox.repo()).args(who).args(arguments), b"").good();
}

fn planned(sandbox: &Sandbox, more: &[&str]) -> Value {
    let ran = sandbox.pkeys(&[&["adopt", "--dry-run", "--json"], more].concat());
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
}

fn count(said: &Value, what: &str) -> usize {
    said[what].as_array().unwrap().len()
}

fn why(said: &Value) -> String {
    said["left"].as_array().unwrap().iter().map(|left| format!("{} {}\n", left["file"], left["why"])).collect()
}

/// A command that fails and changes no file.
#[track_caller]
fn refused(sandbox: &Sandbox, arguments: &[&str], message: &str, hint: &str) {
    let before = sandbox.snapshot();
    sandbox.pkeys(arguments).bad(message, hint);
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn what_moved_is_in_the_next_bundle_and_in_the_log() {
    let (sandbox, key) = sandbox();
    let out = sandbox.pkeys(&["adopt", "--yes"]).good();
    assert!(out.contains("+  users.users.ann.openssh.authorizedKeys.pkeys = true;"), "{out}");
    sandbox.pkeys(&["render"]).good();
    let keys = |host: &str| {
        let bundle: Value = serde_json::from_slice(&sandbox.read(&format!("bundles/{host}/manifest.json"))).unwrap();
        bundle["authorized_keys"].clone()
    };
    assert_eq!(keys("web"), serde_json::json!({ "ann": [key] }));
    assert_eq!(keys("db"), serde_json::json!({}));
    let log = sandbox.pkeys(&["log"]).good();
    assert!(log.contains("adopt") && log.contains("hosts/web.nix:2"), "{log}");
    sandbox.pkeys(&["log", "--verify"]).good();
    let again = sandbox.pkeys(&["adopt", "--yes"]);
    assert!(again.err.contains("No SSH keys stand in the Nix files."), "{again:?}");
}

#[test]
fn a_dry_run_and_a_question_without_a_terminal_change_nothing() {
    let (sandbox, _) = sandbox();
    let before = sandbox.snapshot();
    assert_eq!(count(&planned(&sandbox, &[]), "taken"), 1);
    assert_eq!(before, sandbox.snapshot());
    refused(&sandbox, &["adopt"], "there is no terminal to ask at", "--yes");
    sandbox.pkeys_typing(&["adopt"], &["n"]);
    assert_eq!(before, sandbox.snapshot());
    sandbox.pkeys_typing(&["adopt"], &["y"]);
    assert!(String::from_utf8(sandbox.read("hosts/web.nix")).unwrap().contains("pkeys = true;"));
}

#[test]
fn changes_that_are_not_committed_are_not_mixed_with() {
    let (sandbox, _) = sandbox();
    git(&sandbox, &["init", "--quiet"]);
    git(&sandbox, &["add", "--all"]);
    git(&sandbox, &["commit", "--quiet", "--message=all"]);
    write(&sandbox, "notes.txt", "new files do not matter");
    write(&sandbox, "audit.jsonl", [sandbox.read("audit.jsonl"), b"\n".to_vec()].concat());
    refused(&sandbox, &["adopt", "--yes"], "audit.jsonl differ from the last commit", "--force");
    git(&sandbox, &["checkout", "--quiet", "audit.jsonl"]);
    sandbox.pkeys(&["adopt", "--yes"]).good();
    write(&sandbox, "hosts/db.nix", module("bob", &sandbox.ssh_key("bob", "ed25519").1));
    refused(&sandbox, &["adopt", "--yes"], "differ from the last commit", "commit them first");
    sandbox.pkeys(&["adopt", "--yes", "--force"]).good();
}

#[test]
fn a_read_only_file_stops_it_before_anything_is_written() {
    let (sandbox, _) = sandbox();
    let file = sandbox.repo().join("hosts/web.nix");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
    refused(&sandbox, &["adopt", "--yes"], "web.nix is read-only", "chmod u+w");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    sandbox.pkeys(&["adopt", "--yes"]).good();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn files_that_cannot_be_read_are_named_and_the_others_go_on() {
    let (sandbox, key) = sandbox();
    let elsewhere = sandbox.path("elsewhere.nix");
    std::fs::write(&elsewhere, module("ann", &key)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, sandbox.repo().join("hosts/out.nix")).unwrap();
    std::os::unix::fs::symlink("web.nix", sandbox.repo().join("hosts/in.nix")).unwrap();
    std::os::unix::fs::symlink("nothing.nix", sandbox.repo().join("hosts/nowhere.nix")).unwrap();
    write(&sandbox, "hosts/latin.nix", b"{ x = \"\xe4\"; }");
    write(&sandbox, "hosts/broken.nix", "{\n  users.users.root = \n");
    write(&sandbox, "hosts/deep.nix", "[".repeat(5000) + &"]".repeat(5000));
    write(&sandbox, "hosts/large.nix", "#".repeat(5 * 1024 * 1024));
    write(&sandbox, ".direnv/copy.nix", module("ann", &key));
    let said = planned(&sandbox, &[]);
    assert_eq!((count(&said, "taken"), count(&said, "left")), (1, 6), "{said:#}");
    let why = why(&said);
    for (file, reason) in [
        ("out.nix", "leads out of the repository"),
        ("nowhere.nix", "or nowhere"),
        ("latin.nix", "not UTF-8"),
        ("broken.nix", "does not parse"),
        ("deep.nix", "does not parse"),
        ("large.nix", "larger than"),
    ] {
        assert!(why.lines().any(|line| line.contains(file) && line.contains(reason)), "{file}: {why}");
    }
    sandbox.pkeys(&["adopt", "--yes"]);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), module("ann", &key));
}

#[test]
fn only_the_named_files_change() {
    let (sandbox, _) = sandbox();
    let bob = sandbox.ssh_key("bob", "ed25519").1;
    write(&sandbox, "hosts/db.nix", module("bob", &bob));
    let web = sandbox.repo().join("hosts/web.nix");
    let said = planned(&sandbox, &[web.to_str().unwrap()]);
    assert_eq!((count(&said, "taken"), count(&said, "left")), (1, 0), "{said:#}");
    assert_eq!(said["files"], serde_json::json!(["hosts/web.nix"]));
    refused(&sandbox, &["adopt", "/etc", "--yes"], "/etc is not in the repository", "below the directory");
    refused(&sandbox, &["adopt", "nothing.nix", "--yes"], "nothing.nix", "name files");
}

#[test]
fn hosts_that_cannot_be_seen_can_be_named() {
    let (sandbox, key) = sandbox();
    write(&sandbox, "profiles/base.nix", module("root", &key));
    let said = planned(&sandbox, &[]);
    assert!(why(&said).contains("it cannot be seen which hosts use this file"), "{said:#}");
    let base = sandbox.repo().join("profiles");
    let said = planned(&sandbox, &[base.to_str().unwrap(), "--host", "db"]);
    assert_eq!(said["taken"][0]["hosts"], serde_json::json!(["db"]), "{said:#}");
    refused(&sandbox, &["adopt", "--host", "dbb", "--yes"], "no host dbb", "did you mean db?");
}

#[test]
fn a_user_whose_name_is_computed_can_be_named() {
    let (sandbox, key) = sandbox();
    let text = module("${config.my.name}", &key).replace("{\n", "{ config, ... }:\n{\n");
    write(&sandbox, "hosts/web.nix", text);
    assert!(why(&planned(&sandbox, &[])).contains("the name is computed"));
    sandbox.pkeys(&["adopt", "--user", "ann", "--yes"]).good();
    let text = String::from_utf8(sandbox.read("hosts/web.nix")).unwrap();
    assert!(text.contains("users.users.${config.my.name}.openssh.authorizedKeys.pkeys = true;"), "{text}");
}

#[test]
fn keys_that_pkeys_has_already_keep_their_names_and_count_nowhere_else() {
    let (sandbox, key) = sandbox();
    let other = sandbox.ssh_key("other", "ed25519").1;
    sandbox.pkeys(&["key", "add", "ann", "yoga", "--public", &key]).good();
    sandbox.pkeys(&["key", "add", "ann", "phone", "--public", &other]).good();
    let manifest = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    write(&sandbox, "pkeys.toml", manifest.replace("[users.ann]\nhosts = []", "[users.ann]\nhosts = [\"db\"]"));
    sandbox.accept();
    sandbox.pkeys(&["adopt", "--yes"]).good();
    let keys: Value = serde_json::from_str(&sandbox.pkeys(&["key", "list", "--json"]).good()).unwrap();
    let labels: Vec<_> = keys.as_array().unwrap().iter().map(|key| key["label"].as_str().unwrap()).collect();
    assert_eq!(labels.len(), 2, "{keys:#}");
    assert!(labels.contains(&"yoga") && labels.contains(&"phone"));
    sandbox.pkeys(&["render"]).good();
    let of = |host: &str| -> Vec<String> {
        let bundle: Value = serde_json::from_slice(&sandbox.read(&format!("bundles/{host}/manifest.json"))).unwrap();
        serde_json::from_value(bundle["authorized_keys"]["ann"].clone()).unwrap()
    };
    assert_eq!(of("web").len(), 1);
    assert_eq!(of("db").len(), 2);
}

#[test]
fn two_labels_that_are_the_same_are_told_apart_by_a_person() {
    let (sandbox, key) = sandbox();
    sandbox.pkeys(&["key", "add", "ann", "yoga", "--public", &sandbox.ssh_key("x", "ed25519").1]).good();
    let plain: Vec<_> = key.split(' ').take(2).collect();
    write(&sandbox, "hosts/web.nix", module("ann", &format!("{} ann@yoga", plain.join(" "))));
    let said = planned(&sandbox, &[]);
    assert_eq!((count(&said, "taken"), count(&said, "left")), (0, 1));
    assert!(why(&said).contains("another key of ann is called yoga already"), "{said:#}");
}

#[test]
fn ten_thousand_modules_that_import_each_other_in_a_chain_are_followed() {
    let (sandbox, key) = sandbox();
    for number in 0..10_000 {
        let next = number + 1;
        let text = format!("{{ networking.hostName = \"web\"; imports = [ ./m{next}.nix ]; }}\n");
        write(&sandbox, &format!("web/m{number}.nix"), text);
    }
    write(&sandbox, "web/m10000.nix", module("bob", &key));
    let said = planned(&sandbox, &[]);
    let hosts = |user: &str| {
        said["taken"].as_array().unwrap().iter().find(|taken| taken["user"] == user).unwrap()["hosts"].clone()
    };
    assert_eq!((hosts("ann"), hosts("bob")), (serde_json::json!(["web"]), serde_json::json!(["web"])), "{said}");
}
