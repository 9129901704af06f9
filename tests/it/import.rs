//! `pkeys import`: what other tools are told, with values that the `age` program encrypted.

use crate::common::{Sandbox, run, run_command};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// A repository with the hosts web and db.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.host("db", &[]);
    sandbox
}

fn write(sandbox: &Sandbox, name: &str, text: impl AsRef<[u8]>) {
    let path = sandbox.repo().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn text(sandbox: &Sandbox, name: &str) -> String {
    String::from_utf8(sandbox.read(name)).unwrap()
}

/// Encrypts a value with the `age` program to an SSH key, as agenix does.
fn encrypted(sandbox: &Sandbox, name: &str, value: &[u8], public: &str) {
    let file = sandbox.repo().join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    run("age", &["-r", public, "-o", file.to_str().unwrap()], value).good();
}

fn planned(sandbox: &Sandbox, more: &[&str]) -> Value {
    let ran = sandbox.pkeys(&[&["import"], more, &["--dry-run", "--json"]].concat());
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
}

fn why(said: &Value) -> String {
    let left = said["left"].as_array().unwrap().iter();
    left.map(|left| format!("{}:{} {}\n", left["file"].as_str().unwrap(), left["line"], left["why"])).collect()
}

/// Nix reads what was written.
fn parses(sandbox: &Sandbox, name: &str) {
    let mut nix = Command::new("nix-instantiate");
    let file = sandbox.repo().join(name);
    run_command(nix.args(["--parse", file.to_str().unwrap()]).env("NIX_STATE_DIR", sandbox.path("nix")), b"").good();
}

const WEB: &str = r#"{ config, ... }:
{
  imports = [ ../common.nix ];
  age = {
    identityPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
    secrets = {
      # the token of the application
      app-token = {
        file = ../old/app.age;
        owner = "app";
        group = "app";
        mode = "0440";
      };
      "db.password".file = ../old/db.age;
    };
  };
  age.secrets.wifi = {
    file = ../old/wifi.age;
    path = "/etc/wifi";
  };
  services.a.file = config.age.secrets.app-token.path;
  services.b.file = config.age.secrets."db.password".path;
}
"#;

/// agenix' configuration of two hosts, and the key that opens its files.
fn agenix() -> (Sandbox, PathBuf) {
    let sandbox = sandbox();
    let (identity, public) = sandbox.ssh_key("old", "ed25519");
    encrypted(&sandbox, "old/app.age", b"needle-app\n", &public);
    encrypted(&sandbox, "old/db.age", b"needle-db", &public);
    encrypted(&sandbox, "old/wifi.age", b"needle-wifi", &public);
    write(&sandbox, "hosts/web.nix", WEB);
    write(&sandbox, "hosts/db.nix", "{ imports = [ ../common.nix ]; }\n");
    write(&sandbox, "common.nix", "{\n  age.secrets.common.file = ./old/wifi.age;\n}\n");
    (sandbox, identity)
}

#[test]
fn agenix_secrets_move_with_their_places_and_owners() {
    let (sandbox, identity) = agenix();
    let identity = identity.to_str().unwrap();
    let ran = sandbox.pkeys(&["import", "agenix", "--rewrite", "--yes", "--identity", identity]);
    // age.identityPaths is left for a person.
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.err.contains("web.nix:5: age.identityPaths has no equivalent (set pkeys.identityPaths"), "{ran:?}");
    let expected = r#"{ config, ... }:
{
  imports = [ ../common.nix ];
  age = {
    identityPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
  };
  # the token of the application
  pkeys.secrets.app-token = {
    owner = "app";
    group = "app";
    mode = "0440";
    path = "/run/agenix/app-token";
  };
  pkeys.secrets."db.password".path = "/run/agenix/db.password";
  pkeys.secrets.wifi.path = "/etc/wifi";
  services.a.file = config.pkeys.secrets.app-token.path;
  services.b.file = config.pkeys.secrets."db.password".path;
}
"#;
    assert_eq!(text(&sandbox, "hosts/web.nix"), expected);
    assert_eq!(text(&sandbox, "common.nix"), "{\n  pkeys.secrets.common.path = \"/run/agenix/common\";\n}\n");
    parses(&sandbox, "hosts/web.nix");
    for (name, value) in [("app-token", "needle-app\n"), ("db.password", "needle-db"), ("common", "needle-wifi")] {
        assert_eq!(sandbox.pkeys(&["secret", "show", name]).good(), value);
    }
    sandbox.nowhere(b"needle-", &[]);
    sandbox.pkeys(&["render"]).good();
    let names = |host: &str| {
        let bundle: Value = serde_json::from_str(&text(&sandbox, &format!("bundles/{host}/manifest.json"))).unwrap();
        bundle["secrets"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("web"), ["app-token", "common", "db.password", "wifi"]);
    assert_eq!(names("db"), ["common"]);
    let again = sandbox.pkeys(&["import", "agenix", "--rewrite", "--yes"]);
    assert!(again.err.contains("Nothing of agenix can be taken over."), "{again:?}");
    sandbox.pkeys(&["log", "--verify"]).good();
}

/// Fuzzing found it: a second run took the other file's secret over, and its host got the first one's value.
#[test]
fn two_values_of_one_name_are_never_taken_for_one() {
    let sandbox = sandbox();
    let (identity, public) = sandbox.ssh_key("old", "ed25519");
    encrypted(&sandbox, "old/web.age", b"needle-web", &public);
    encrypted(&sandbox, "old/db.age", b"needle-db", &public);
    let module = |file: &str| format!("{{\n  age.secrets.token.file = ../old/{file}.age;\n}}\n");
    write(&sandbox, "hosts/web.nix", module("web"));
    write(&sandbox, "hosts/db.nix", module("db"));
    let import =
        || sandbox.pkeys(&["import", "agenix", "--rewrite", "--yes", "--identity", identity.to_str().unwrap()]);
    let first = import();
    assert!(first.err.contains("another secret of this name has another value"), "{first:?}");
    let before = sandbox.snapshot();
    import().bad("pkeys has another value of the name token than hosts/web.nix:2", "a name of its own");
    assert_eq!(before, sandbox.snapshot());
    // The same value is one secret.
    encrypted(&sandbox, "old/web.age", b"needle-db", &public);
    import().good();
    assert_eq!(text(&sandbox, "hosts/web.nix"), "{\n  pkeys.secrets.token.path = \"/run/agenix/token\";\n}\n");
}

#[test]
fn without_rewrite_the_other_tools_configuration_stays() {
    let (sandbox, identity) = agenix();
    let ran = sandbox.pkeys(&["import", "agenix", "--yes", "--identity", identity.to_str().unwrap()]);
    assert!(ran.out.contains("# hosts/web.nix\npkeys.secrets.app-token = {\n  owner = \"app\";\n"), "{ran:?}");
    assert_eq!(text(&sandbox, "hosts/web.nix"), WEB);
    assert_eq!(sandbox.pkeys(&["secret", "show", "wifi"]).good(), "needle-wifi");
    // Again, without the key: the values are there.
    let before = sandbox.read("secrets/wifi.age");
    let again = sandbox.snapshot();
    let ran = sandbox.pkeys(&["import", "agenix", "--yes"]);
    assert!(ran.err.contains("All of them are in pkeys.toml already."), "{ran:?}");
    assert_eq!(sandbox.read("secrets/wifi.age"), before);
    assert_eq!(again, sandbox.snapshot());
}

#[test]
fn a_value_that_cannot_be_opened_stops_it_before_anything_is_written() {
    let (sandbox, identity) = agenix();
    let identity = identity.to_str().unwrap();
    let before = sandbox.snapshot();
    let refused = |arguments: &[&str], message: &str, hint: &str| {
        sandbox.pkeys(&[&["import", "agenix", "--rewrite", "--yes"], arguments].concat()).bad(message, hint);
    };
    refused(&[], "no identity here can decrypt it", "--identity FILE");
    assert_eq!(before, sandbox.snapshot());
    let app = sandbox.repo().join("old/app.age");
    let whole = std::fs::read(&app).unwrap();
    let mut broken = whole.clone();
    *broken.last_mut().unwrap() ^= 1;
    std::fs::write(&app, broken).unwrap();
    refused(&["--identity", identity], "old/app.age: its content is damaged", "");
    std::fs::remove_file(&app).unwrap();
    refused(&["--identity", identity], "old/app.age", "restore it");
    std::os::unix::fs::symlink("/etc/passwd", &app).unwrap();
    refused(&["--identity", identity], "leads out of the repository", "copy the file");
    std::fs::remove_file(&app).unwrap();
    std::fs::write(&app, whole).unwrap();
    assert_eq!(before, sandbox.snapshot());
    sandbox.pkeys(&["import", "agenix"]).bad("there is no terminal to ask at", "--yes");
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn agenix_rekey_opens_with_the_master_identity() {
    let sandbox = sandbox();
    let (identity, public) = sandbox.ssh_key("master", "ed25519");
    encrypted(&sandbox, "old/a.age", b"needle", &public);
    let module = "{\n  age.rekey.hostPubkey = \"x\";\n  age.secrets.a = {\n    rekeyFile = ../old/a.age;\n    generator.script = \"hex\";\n  };\n}\n";
    write(&sandbox, "hosts/web.nix", module);
    let said = planned(&sandbox, &["agenix"]);
    assert!(why(&said).contains("age.secrets.a has no `file`"), "{said:#}");
    let ran = sandbox.pkeys(&["import", "agenix-rekey", "--yes", "--identity", identity.to_str().unwrap()]);
    assert!(ran.err.contains("generator.script has no equivalent"), "{ran:?}");
    assert!(ran.err.contains("age.rekey.hostPubkey has no equivalent"), "{ran:?}");
    assert_eq!(sandbox.pkeys(&["secret", "show", "a"]).good(), "needle");
}

#[test]
fn opnix_references_stay_references() {
    let sandbox = sandbox();
    let module = r#"{ config, ... }:
{
  services.onepassword-secrets = {
    enable = true;
    tokenFile = "/etc/opnix-token";
    configFiles = [ ../opnix.json ];
    secrets = {
      tailscaleAuthKey = {
        reference = "op://pantherOS/tailscale/authKey";
        path = "/etc/tailscale/auth-key";
        services = [ "tailscaled" ];
      };
      ciToken = {
        reference = "op://pantherOS/ci/token";
        owner = "ci";
        mode = "0400";
        symlinks = [ "/etc/ci-token" ];
      };
      bad.reference = "not a reference hunter2";
    };
  };
  systemd.services.ci.serviceConfig.EnvironmentFile = config.services.onepassword-secrets.secretPaths.ciToken;
}
"#;
    write(&sandbox, "hosts/web.nix", module);
    let json = r#"{ "secrets": [ { "path": "ssl/key.pem", "reference": "op://pantherOS/ssl/key", "owner": "caddy", "group": "caddy", "mode": "0640", "more": 1 } ] }"#;
    write(&sandbox, "opnix.json", json);
    let ran = sandbox.pkeys(&["import", "opnix", "--rewrite", "--yes"]);
    for left in ["tokenFile has no equivalent: hosts hold no token", "`more` of ssl/key.pem has no equivalent"] {
        assert!(ran.err.contains(left), "{left}: {ran:?}");
    }
    assert!(!ran.err.contains("hunter2") && !ran.out.contains("+") || !ran.err.contains("hunter2"), "{ran:?}");
    let new = text(&sandbox, "hosts/web.nix");
    for part in [
        "  pkeys.secrets.tailscaleAuthKey = {\n    path = \"/etc/tailscale/auth-key\";\n    restartUnits = [ \"tailscaled.service\" ];\n    mode = \"0600\";\n  };\n",
        "  pkeys.secrets.ciToken = {\n    owner = \"ci\";\n    mode = \"0400\";\n    symlinks = [ \"/etc/ci-token\" ];\n    path = \"/var/lib/opnix/secrets/ciToken\";\n  };\n",
        "path = \"/var/lib/opnix/secrets/ssl/key.pem\";",
        "EnvironmentFile = config.pkeys.secrets.ciToken.path;",
        "bad.reference = ",
    ] {
        assert!(new.contains(part), "{part}\nis not in\n{new}");
    }
    parses(&sandbox, "hosts/web.nix");
    let list = sandbox.pkeys(&["secret", "list", "--json"]).good();
    let list: Value = serde_json::from_str(&list).unwrap();
    let from: Vec<_> = list.as_array().unwrap().iter().map(|s| s["from"].as_str().unwrap().to_owned()).collect();
    assert_eq!(from, ["op://pantherOS/ci/token", "op://pantherOS/ssl/key", "op://pantherOS/tailscale/authKey"]);
}

/// A stand-in for the `sops` program: gives a file without its first line, and notes how it was called.
fn with_sops(sandbox: &Sandbox) -> PathBuf {
    let calls = sandbox.path("calls");
    sandbox
        .script("sops", &format!("echo \"$*\" >>{}\nfor file; do :; done\nexec tail -n +2 \"$file\"", calls.display()));
    calls
}

fn sops_import(sandbox: &Sandbox, more: &[&str]) -> crate::common::Ran {
    let mut command = sandbox.command();
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", sandbox.top.path().display()));
    run_command(command.args(["import", "sops-nix", "--yes"]).args(more), b"")
}

#[test]
fn sops_values_come_through_sops_and_templates_stay() {
    let sandbox = sandbox();
    let module = r#"{ config, ... }:
{
  sops.defaultSopsFile = ../secrets.yaml;
  sops.age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
  sops.secrets."db/password" = {
    owner = config.users.users.app.name;
    restartUnits = [ "app.service" ];
  };
  sops.secrets.port = { };
  sops.secrets.ann = {
    key = "users/ann";
    neededForUsers = true;
  };
  sops.secrets.whole = {
    sopsFile = ../whole.bin;
    format = "binary";
  };
  sops.templates."app.env" = {
    content = "PASSWORD=${config.sops.placeholder."db/password"}";
    owner = "app";
  };
  services.app.file = config.sops.templates."app.env".path;
  users.users.ann.hashedPasswordFile = config.sops.secrets.ann.path;
}
"#;
    write(&sandbox, "hosts/web.nix", module);
    write(
        &sandbox,
        "secrets.yaml",
        "sealed\n{ \"db\": { \"password\": \"needle\" }, \"port\": 80, \"users\": { \"ann\": \"$6$x\" } }\n",
    );
    write(&sandbox, "whole.bin", b"sealed\n\x00\xff\n");
    let calls = with_sops(&sandbox);
    let ran = sops_import(&sandbox, &["--rewrite"]);
    assert!(ran.err.contains("sops.age.sshKeyPaths has no equivalent (set pkeys.identityPaths"), "{ran:?}");
    let called = std::fs::read_to_string(calls).unwrap();
    let calls: Vec<_> = called.lines().map(|line| line.rsplit_once('/').map_or(line, |(_, name)| name)).collect();
    assert_eq!(calls, ["secrets.yaml", "whole.bin"], "each file once: {called}");
    assert!(called.starts_with("decrypt --output-type json /"), "{called}");
    let new = text(&sandbox, "hosts/web.nix");
    for part in [
        "  pkeys.secrets.\"db/password\" = {\n    owner = config.users.users.app.name;\n    restartUnits = [ \"app.service\" ];\n    path = \"/run/secrets/db/password\";\n    name = \"db-password\";\n  };\n",
        "  pkeys.secrets.port.path = \"/run/secrets/port\";\n",
        "    neededForUsers = true;\n    path = \"/run/secrets-for-users/ann\";\n",
        "    content = \"PASSWORD=${config.pkeys.placeholder.\"db/password\"}\";\n    owner = \"app\";\n    path = \"/run/secrets/rendered/app.env\";\n",
        "services.app.file = config.pkeys.templates.\"app.env\".path;",
        "hashedPasswordFile = config.pkeys.secrets.ann.path;",
    ] {
        assert!(new.contains(part), "{part}\nis not in\n{new}");
    }
    parses(&sandbox, "hosts/web.nix");
    for (name, value) in [("db-password", "needle"), ("port", "80"), ("ann", "$6$x")] {
        assert_eq!(sandbox.pkeys(&["secret", "show", name]).good(), value);
    }
    assert_eq!(run_command(sandbox.command().args(["secret", "show", "whole"]), b"").out.chars().next(), Some('\0'));
}

#[test]
fn without_sops_or_with_a_missing_value_nothing_is_written() {
    let sandbox = sandbox();
    write(&sandbox, "hosts/web.nix", "{ sops.secrets.a.sopsFile = ../secrets.yaml; }\n");
    write(&sandbox, "secrets.yaml", "sealed\n{ \"b\": \"hunter2\", \"a\": { \"c\": \"hunter2\" } }\n");
    let before = sandbox.snapshot();
    sandbox.pkeys(&["import", "sops-nix", "--yes"]).bad("cannot run sops", "install it");
    let _ = with_sops(&sandbox);
    let err = sops_import(&sandbox, &[]).bad("it has no value at a", "correct `key`");
    assert!(!err.contains("hunter2"));
    write(&sandbox, "secrets.yaml", "sealed\n[ \"hunter2\", \n");
    let err = sops_import(&sandbox, &[]).bad("what sops printed is not JSON", "getsops");
    assert!(!err.contains("hunter2"));
    sandbox.script("sops", "echo hunter2; exit 3");
    sops_import(&sandbox, &[]).bad("sops could not open it", "by hand");
    write(&sandbox, "secrets.yaml", "sealed\n{ \"b\": \"hunter2\", \"a\": { \"c\": \"hunter2\" } }\n");
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn what_cannot_be_decided_is_named_and_stays() {
    let (sandbox, _) = agenix();
    write(&sandbox, "home.nix", "{ home-manager.users.ann.age.secrets.h.file = ./old/app.age; }\n");
    write(&sandbox, "profiles/lost.nix", "{ age.secrets.lost.file = ../old/app.age; }\n");
    write(
        &sandbox,
        "hosts/db.nix",
        "{ lib, name, ... }:\n{\n  age.secrets.wifi.file = ../old/db.age;\n  age.secrets.${name}.file = ../old/db.age;\n  age.secrets.made.file = ../old + \"/${name}.age\";\n  age.secrets = lib.genAttrs [ \"x\" ] (x: { file = ../old/db.age; });\n}\n",
    );
    let said = planned(&sandbox, &["agenix"]);
    let why = why(&said);
    write(&sandbox, "hosts/web.nix", "{ config, ... }: { sops.templates.t.content = config.sops.placeholder.gone; }\n");
    let sops = self::why(&planned(&sandbox, &["sops-nix"]));
    assert!(sops.contains("t stays: it uses the secret gone, which stays"), "{sops}");
    for part in [
        "lost stays: it cannot be seen which hosts use this file",
        "a name below age is computed",
        "its file cannot be seen",
        "age is of home-manager, a container or the like",
        "another secret of this name has another value",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[test]
fn what_sops_says_of_a_hostile_file_does_not_steer_the_terminal() {
    let sandbox = sandbox();
    write(&sandbox, "hosts/web.nix", "{ sops.secrets.a.sopsFile = ../secrets.yaml; }\n");
    write(&sandbox, "secrets.yaml", "x\n");
    // sops repeats the recipients that a file names.
    sandbox.script("sops", "printf 'recipient \\033[2J\\033]0;title\\007 FAILED\\r\\nTouch your key: ' >&2; exit 3");
    let ran = sops_import(&sandbox, &[]);
    assert!(!ran.err.contains(['\u{1b}', '\u{7}', '\r']), "{ran:?}");
    assert!(ran.err.contains("sops: recipient \\u001b[2J") && ran.err.contains("sops: Touch your key: "), "{ran:?}");
    ran.bad("sops could not open it", "by hand");
}
