//! What a committer without any key can do to the escrow: anyone can encrypt to break-glass.

use crate::common::page::{anchors, rows};
use crate::common::{Ran, Sandbox, run, run_command};
use serde_json::Value;
use std::process::Command;

/// An operator's repository with a host, a user's key that pkeys holds, and a break-glass key; what is typed of the sheet.
struct Fleet {
    sandbox: Sandbox,
    key: String,
    lines: String,
}

impl Fleet {
    fn new() -> Self {
        let (sandbox, memory) = (Sandbox::new(), tempfile::tempdir_in("/dev/shm").unwrap());
        sandbox.host("web", &[]);
        sandbox.secret("token", b"hunter2", &["web"]);
        let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
        sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\n");
        sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
        let sheets = memory.path().join("sheets");
        sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", sheets.to_str().unwrap()]).good();
        let page = std::fs::read_to_string(sheets.join("sheet.html")).unwrap();
        let key = rows(&page).iter().map(|(label, groups, sum)| format!("{label} {groups} {sum}\n")).collect();
        Self { key, lines: anchors(&page), sandbox }
    }

    fn typed(&self) -> String {
        format!("{}{}", self.key, self.lines)
    }

    /// A clone on a machine where nothing was ever accepted.
    fn elsewhere(&self) -> Sandbox {
        let other = Sandbox::empty();
        std::fs::remove_dir_all(other.repo()).unwrap();
        run_command(Command::new("cp").arg("-r").arg(self.sandbox.repo()).arg(other.repo()), b"").good();
        other
    }
}

/// Puts other values into the escrow, and says in public what it is now. Needs no key.
fn replace_escrow(sandbox: &Sandbox) {
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let recipient = text.split_once("[break-glass]").unwrap().1.split('"').nth(1).unwrap().to_owned();
    let (mine, _) = sandbox.ssh_key("mallory", "ed25519");
    let script = format!(
        "mkdir -p x/secrets && cp pkeys.toml keys.toml x/secrets && printf %s forged > x/secrets/token && \
         cp {} x/secrets/ssh-user-key.root.laptop && tar -C x -c secrets | age -r {recipient} -o break-glass/escrow.age && rm -r x",
        mine.display()
    );
    run_command(sandbox.command_of("sh").args(["-ec", &script]), b"").good();
    let mut public: Value = serde_json::from_slice(&sandbox.read("break-glass/escrow.json")).unwrap();
    let file = sandbox.repo().join("break-glass/escrow.age");
    let sum = run("sha256sum", &[&file], b"").good();
    public["payload"] = serde_json::json!({ "sha256": sum[..64], "size": std::fs::metadata(&file).unwrap().len() });
    let text = serde_json::to_string_pretty(&public).unwrap() + "\n";
    std::fs::write(sandbox.repo().join("break-glass/escrow.json"), text).unwrap();
}

/// Signs it with a key of one's own, as `ssh-keygen` does it.
fn sign(sandbox: &Sandbox, key: &str, namespace: &str) {
    let _ = std::fs::remove_file(sandbox.repo().join("break-glass/escrow.json.sig"));
    let arguments = ["-q", "-Y", "sign", "-n", namespace, "-f", key, "break-glass/escrow.json"];
    run_command(sandbox.command_of("ssh-keygen").args(arguments), b"").good();
}

fn glass(sandbox: &Sandbox, arguments: &[&str], typed: &str) -> Ran {
    sandbox.pkeys_with(&[&["break-glass"], arguments].concat(), typed.as_bytes())
}

#[test]
fn an_escrow_that_a_committer_replaced_is_named_and_hides_no_local_secret() {
    let fleet = Fleet::new();
    let unproven = "who made the escrow is not proven";
    for signed in [None, Some("pkeys-escrow"), Some("pkeys-bundle")] {
        let other = fleet.elsewhere();
        replace_escrow(&other);
        if let Some(namespace) = signed {
            sign(&other, other.path("mallory.key").to_str().unwrap(), namespace);
        }
        let opened = glass(&other, &["open", "--secret", "token"], &fleet.typed());
        assert!(opened.out == "hunter2" && opened.err.contains(unproven), "{signed:?}: {opened:?}");
        // What is only there is opened all the same, and said.
        let opened = glass(&other, &["open", "--secret", "ssh-user-key.root.laptop"], &fleet.typed());
        assert!(opened.err.contains(unproven), "{opened:?}");
        let mut shell = other.command();
        shell.env("SHELL", "/bin/true").args(["break-glass", "open", "--ssh", "root"]);
        let opened = run_command(&mut shell, fleet.typed().as_bytes());
        assert!(opened.err.contains(unproven), "{opened:?}");
        let drill = glass(&other, &["drill"], &fleet.typed());
        assert!(drill.status == 1 && drill.err.contains("escrow: "), "{drill:?}");
    }
    // One that was not replaced is proven, and says nothing.
    let other = fleet.elsewhere();
    let opened = glass(&other, &["open", "--secret", "ssh-user-key.root.laptop"], &fleet.typed());
    assert!(!opened.err.contains("not proven"), "{opened:?}");
    assert!(opened.good().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    glass(&other, &["drill"], &fleet.typed()).good();
}

#[test]
fn the_next_render_writes_a_replaced_escrow_anew() {
    let fleet = Fleet::new();
    let sandbox = &fleet.sandbox;
    assert!(glass(sandbox, &["escrow"], "").good().contains("unchanged"));
    replace_escrow(sandbox);
    let forged = sandbox.read("break-glass/escrow.age");
    sandbox.pkeys(&["render"]).good();
    assert_ne!(sandbox.read("break-glass/escrow.age"), forged);
    assert!(glass(sandbox, &["escrow"], "").good().contains("unchanged"));
    glass(sandbox, &["drill"], &fleet.typed()).good();
    // One whose signature is gone, too.
    std::fs::remove_file(sandbox.repo().join("break-glass/escrow.json.sig")).unwrap();
    assert!(glass(sandbox, &["escrow"], "").good().contains("written"));
    // ssh-keygen verifies it as well.
    let (signers, key) =
        (sandbox.path("signers"), std::fs::read_to_string(sandbox.path("config/signing-key.pub")).unwrap());
    std::fs::write(&signers, format!("ann {key}")).unwrap();
    let arguments = ["-Y", "verify", "-n", "pkeys-escrow", "-I", "ann", "-s", "break-glass/escrow.json.sig", "-f"];
    let mut verify = sandbox.command_of("ssh-keygen");
    run_command(verify.args(arguments).arg(&signers), &sandbox.read("break-glass/escrow.json")).good();
}

#[test]
fn the_escrow_of_another_fleet_with_the_same_signer_is_not_taken() {
    let fleet = Fleet::new();
    let other = fleet.elsewhere();
    let mut public: Value = serde_json::from_slice(&other.read("break-glass/escrow.json")).unwrap();
    public["fleet"] = "0123456789abcdef0123456789abcdef".into();
    std::fs::write(other.repo().join("break-glass/escrow.json"), public.to_string()).unwrap();
    sign(&other, fleet.sandbox.path("config/signing-key").to_str().unwrap(), "pkeys-escrow");
    let opened = glass(&other, &["open", "--secret", "ssh-user-key.root.laptop"], &fleet.typed());
    assert!(opened.err.contains("it is the escrow of another fleet"), "{opened:?}");
}
