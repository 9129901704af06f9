//! Rotations in bad weather: full disks, wrong clocks, jump hosts, and many hosts at once.

use crate::common::fleet::Fleet;
use crate::common::sshd::{Sshd, free_port};
use crate::common::{Ran, activate_binary, root, run_command};
use std::path::PathBuf;

/// Hosts on which root's key `laptop` is authorized; gives its private file.
fn fleet(names: &[&str]) -> Option<(Fleet, PathBuf)> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(names);
    let old = authorize(&fleet);
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    Some((fleet, old))
}

fn authorize(fleet: &Fleet) -> PathBuf {
    let (old, _) = fleet.sandbox.ssh_key("old", "ed25519");
    fleet.sandbox.pkeys_with(&["secret", "set", "first-key"], &std::fs::read(&old).unwrap()).good();
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    fleet.sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\n");
    fleet.sandbox.pkeys(&["key", "add", "root", "laptop", "--from", "age:first-key"]).good();
    old
}

fn rotate(fleet: &Fleet) -> Ran {
    fleet.pkeys(&["rotate", "root", "--yes"])
}

/// Puts something in front of a host's `pkeys-activate receive`; gives what stood there.
fn wrap(fleet: &Fleet, name: &str, wrapper: &str) -> String {
    let place = fleet.root(name).join("push_keys");
    let before = std::fs::read_to_string(&place).unwrap();
    std::fs::write(place, before.replacen("command=\"", &format!("command=\"{wrapper} "), 1)).unwrap();
    before
}

#[test]
fn a_full_disk_on_a_host_is_waited_for() {
    let Some((fleet, old)) = fleet(&["web", "db"]) else { return };
    let noise: Vec<u8> = (0..400_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fleet.sandbox.secret("big", &noise, &["*"]);
    fleet.sandbox.pkeys(&["render"]).good();
    let state = fleet.root("web").join("var/lib/pkeys");
    std::fs::create_dir_all(&state).unwrap();
    let full = fleet.sandbox.script(
        "full",
        &format!(
            "exec unshare -m sh -c 'mount -t tmpfs -o size=100k none {} && exec \"$0\" \"$@\"' \"$@\"",
            state.display()
        ),
    );
    let before = wrap(&fleet, "web", full.to_str().unwrap());
    let ran = rotate(&fleet);
    assert!(ran.status == 1 && ran.err.contains("web: the host refused it") && ran.err.contains("no space"), "{ran:?}");
    assert!(fleet.login("web", &old) && fleet.login("db", &old));
    std::fs::write(fleet.root("web").join("push_keys"), before).unwrap();
    rotate(&fleet).good();
    assert!(!fleet.login("web", &old) && !fleet.login("db", &old));
}

#[test]
fn wrong_clocks_do_not_matter() {
    let Some((fleet, old)) = fleet(&["web", "db"]) else { return };
    wrap(&fleet, "web", "/usr/bin/faketime 2001-01-01");
    wrap(&fleet, "db", "/usr/bin/faketime 2040-01-01");
    rotate(&fleet).good();
    assert!(!fleet.login("web", &old) && !fleet.login("db", &old));
    // The operator's own: the newest bundle counts by its generation, not by its date.
    for date in ["2040-01-01", "2001-01-01"] {
        let mut command = fleet.sandbox.command_of("faketime");
        command.env("PKEYS_SSH_CONFIG", fleet.sandbox.path("ssh_config")).arg(date);
        run_command(command.args([crate::common::pkeys_binary(), "rotate", "root", "--yes"]), b"").good();
    }
    rotate(&fleet).good();
    fleet.sandbox.pkeys(&["log", "--verify"]).good();
}

#[test]
fn hosts_behind_a_jump_host_are_proven_too() {
    let Some((fleet, old)) = fleet(&["web", "db"]) else { return };
    // web is reached through the sshd of db only, with a key of its own that logs in there.
    let (jump, _) = fleet.sandbox.ssh_key("jump", "ed25519");
    let place = fleet.root("db").join("push_keys");
    let keys = std::fs::read_to_string(&place).unwrap();
    let public = std::fs::read_to_string(jump.with_extension("key.pub")).unwrap();
    std::fs::write(&place, format!("{keys}\n{public}")).unwrap();
    let config = fleet.sandbox.path("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    let port = fleet.servers[1].port;
    let gate =
        format!("Host gate\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {}\n", jump.display());
    std::fs::write(&config, gate + &text.replacen("Host web\n", "Host web\n  ProxyJump gate\n", 1)).unwrap();
    let ran = rotate(&fleet);
    assert!(ran.err.contains("web: a login with the new key works"), "{ran:?}");
    ran.good();
    assert!(!fleet.login("web", &old) && !fleet.login("db", &old));
    let before = std::fs::read(fleet.root("web").join("etc/host.key")).unwrap();
    fleet.spec("web", serde_json::json!({ "hostKey": { "path": "/etc/host.key" } }));
    fleet.pkeys(&["rotate", "--host", "web", "--yes"]).good();
    assert_ne!(before, std::fs::read(fleet.root("web").join("etc/host.key")).unwrap());
}

/// Many hosts are one sshd with as many roots: each host's push login has a forced command of its own. `PKEYS_TEST_HOSTS=200`
/// takes some minutes on two cores, nearly all of it in ssh and sshd.
#[test]
fn many_hosts_rotate_together_in_little_memory() {
    if !root("real sshd servers") {
        return;
    }
    let fleet = Fleet::new(&["h0"]);
    let number = std::env::var("PKEYS_TEST_HOSTS").map_or(40, |number| number.parse().unwrap());
    let names: Vec<String> = (0..number).map(|number| format!("h{number}")).collect();
    let port = free_port();
    let (mut config, mut manifest, mut push) = (String::new(), String::new(), String::new());
    let recipient = std::fs::read_to_string(fleet.sandbox.repo().join("pkeys.toml")).unwrap();
    let recipient = recipient.lines().find(|line| line.starts_with("recipients = [\"ssh-ed25519")).unwrap().to_owned();
    let mut keys = String::from("AuthorizedKeysFile=push_keys");
    for name in &names {
        let (key, _) = fleet.sandbox.ssh_key(&format!("push-{name}"), "ed25519");
        let public = std::fs::read_to_string(key.with_extension("key.pub")).unwrap();
        let root = fleet.root(name);
        std::fs::create_dir_all(root.join("etc")).unwrap();
        if name != "h0" {
            std::fs::copy(fleet.root("h0").join("etc/host.key"), root.join("etc/host.key")).unwrap();
        }
        fleet.spec(name, serde_json::json!({}));
        let (activate, root) = (activate_binary(), root.display());
        push += &format!("restrict,command=\"{activate} receive --spec {root}/spec.json --root {root}\" {public}");
        config += &format!("Host {name}\n  Port {port}\n  IdentityFile {}\n", key.display());
        keys += &format!(" {root}/run/pkeys/authorized_keys/%u");
        if name != "h0" {
            manifest += &format!("\n[hosts.{name}]\naddress = \"root@{name}\"\n{recipient}\n");
        }
    }
    let place = fleet.sandbox.path("all_push_keys");
    std::fs::write(&place, push).unwrap();
    let keys = keys.replace("=push_keys", &format!("={}", place.display()));
    config += "Host *\n  HostName 127.0.0.1\n  User root\n  IdentitiesOnly yes\n  IdentityAgent none\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n";
    std::fs::write(fleet.sandbox.path("ssh_config"), config).unwrap();
    let toml = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&toml).unwrap() + &manifest;
    std::fs::write(&toml, text).unwrap();
    let old = authorize(&fleet);
    fleet.sandbox.secret("token", b"hunter2", &["*"]);
    let settings = [
        "StrictModes=no",
        "PermitRootLogin=yes",
        "PasswordAuthentication=no",
        "MaxStartups=1000",
        "PerSourcePenalties=no",
        &keys,
    ];
    let settings = if ssh_is_new() { &settings[..] } else { &[&settings[..4], &settings[5..]].concat() };
    let _sshd = Sshd::on(port, &fleet.sandbox.path("."), &fleet.root("h0").join("etc/host.key"), settings);
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push", "--quiet"]).good();

    let mut command = fleet.sandbox.command_of("/usr/bin/time");
    command.env("PKEYS_SSH_CONFIG", fleet.sandbox.path("ssh_config")).args(["-f", "peak %M KiB"]);
    let ran = run_command(command.args([crate::common::pkeys_binary(), "rotate", "root", "--yes"]), b"");
    assert!(ran.out.contains("rotated root laptop"), "{ran:?}");
    assert_eq!(ran.err.matches("a login with the new key works").count(), number);
    assert_eq!(ran.err.matches("refuses the old key, accepts the new one").count(), number);
    assert!(!fleet.login("h7", &old));
    let peak: u64 = ran.err.lines().last().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    println!("{number} hosts rotated with a peak of {} MiB", peak / 1024);
    // Sixteen hosts at once, each with threads of its own whose stacks of 1 MiB are wiped.
    assert!(peak < 96 * 1024, "{peak} KiB");
}

/// Whether sshd knows `PerSourcePenalties` (OpenSSH 9.8), which would take so many logins for an attack.
fn ssh_is_new() -> bool {
    let said =
        run_command(std::process::Command::new("/usr/sbin/sshd").args(["-T", "-o", "PerSourcePenalties=no"]), b"");
    !said.err.contains("Bad configuration option")
}
