//! `rotate --host`: a new SSH host key, on a real sshd that reads it again, looked at with `ssh-keyscan` and `ssh`.

use crate::common::fleet::Fleet;
use crate::common::{Ran, killed_at, root, run, run_command};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Two hosts that the operator's ssh knows by their keys and trusts no further, each with a secret.
fn fleet() -> Option<Fleet> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&["web", "db"]);
    let mut known = String::new();
    for server in &fleet.servers {
        let key = fleet.root(&server.name).join("etc/host.key");
        let public = run("ssh-keygen", &["-yf", key.to_str().unwrap()], b"").good();
        known += &format!("[127.0.0.1]:{} {public}", server.port);
        fleet.spec(&server.name, json!({ "hostKey": { "path": "/etc/host.key" } }));
    }
    std::fs::write(known_hosts(&fleet), known).unwrap();
    let config = fleet.sandbox.path("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("StrictHostKeyChecking no", "StrictHostKeyChecking yes");
    let text = text.replace("/dev/null", known_hosts(&fleet).to_str().unwrap());
    std::fs::write(config, text).unwrap();
    fleet.sandbox.secret("token", b"hunter2", &["*"]);
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    Some(fleet)
}

fn known_hosts(fleet: &Fleet) -> PathBuf {
    fleet.sandbox.path("known_hosts")
}

/// What `ssh-keyscan` sees of a host.
fn shown(fleet: &Fleet, name: &str) -> String {
    let port = fleet.servers.iter().find(|server| server.name == name).unwrap().port.to_string();
    let out = run("ssh-keyscan", &["-t", "ed25519", "-p", &port, "127.0.0.1"], b"").good();
    out.lines().find(|line| !line.starts_with('#')).unwrap().split_once(' ').unwrap().1.to_owned()
}

/// Runs something while each sshd reads its key again whenever its file changes, as systemd's reload has it do.
fn while_reloading(fleet: &Fleet, run: impl FnOnce() -> Ran) -> Ran {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let keys = || fleet.servers.iter().map(|s| std::fs::read(fleet.root(&s.name).join("etc/host.key")).ok());
            let mut before: Vec<_> = keys().collect();
            while !stop.load(Ordering::Relaxed) {
                for ((server, before), now) in fleet.servers.iter().zip(&mut before).zip(keys()) {
                    if *before != now {
                        server.sshd.as_ref().unwrap().reload();
                        *before = now;
                    }
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        });
        let ran = run();
        stop.store(true, Ordering::Relaxed);
        ran
    })
}

/// Whether Debian's age opens the host's rendered bundle with a key.
fn opens(fleet: &Fleet, name: &str, key: &std::path::Path) -> bool {
    let bundle = fleet.sandbox.repo().join(format!("bundles/{name}/secrets.age"));
    run_command(std::process::Command::new("age").arg("-d").arg("-i").arg(key).arg(bundle), b"").status == 0
}

fn manifest(fleet: &Fleet) -> String {
    std::fs::read_to_string(fleet.sandbox.repo().join("pkeys.toml")).unwrap()
}

/// The rotation of web is over.
#[track_caller]
fn rotated(fleet: &Fleet, before: &str, old: &std::path::Path) {
    let now = shown(fleet, "web");
    assert_ne!(now, before);
    let key = fleet.root("web").join("etc/host.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::metadata(key.with_extension("key.pub")).unwrap().permissions().mode() & 0o7777, 0o644);
    let public = std::fs::read_to_string(key.with_extension("key.pub")).unwrap();
    assert!(public.starts_with(&now), "{public} {now}");
    assert!(opens(fleet, "web", &key) && !opens(fleet, "web", old));
    assert_eq!(fleet.read("web", "run/pkeys/secrets/token"), b"hunter2");
    assert!(!fleet.root("web").join("run/pkeys/secrets/ssh-host-key").exists(), "it goes with the bundle only once");
    let text = manifest(fleet);
    assert!(text.contains("host-key = \"age:ssh-host-key.web\"") && !text.contains("next-host-key"), "{text}");
    let secrets = fleet.sandbox.repo().join("secrets");
    // The host's key is kept as `host add --generate` would have: another machine can be installed with it.
    let identity = fleet.sandbox.path("config/identity.txt");
    let mut command = std::process::Command::new("age");
    let kept = run_command(command.arg("-d").arg("-i").arg(identity).arg(secrets.join("ssh-host-key.web.age")), b"");
    assert_eq!(kept.good().as_bytes(), std::fs::read(&key).unwrap());
    fleet.sandbox.pkeys(&["verify"]).good();
    fleet.sandbox.pkeys(&["check"]).good();
    fleet.sandbox.pkeys(&["log", "--verify"]).good();
}

fn old_key(fleet: &Fleet) -> PathBuf {
    let old = fleet.sandbox.path("old.key");
    std::fs::copy(fleet.root("web").join("etc/host.key"), &old).unwrap();
    old
}

#[test]
fn a_host_gets_a_new_key_proves_it_and_the_old_one_opens_nothing_more() {
    let Some(fleet) = fleet() else { return };
    let (before, db, old) = (shown(&fleet, "web"), shown(&fleet, "db"), old_key(&fleet));
    let dry = fleet.pkeys(&["rotate", "--host", "web", "--dry-run"]);
    assert!(dry.err.contains("web: new SSH host key, prove it"), "{dry:?}");
    fleet.pkeys(&["rotate", "--host", "web"]).bad("there is no terminal to ask at", "--yes");
    let known = known_hosts(&fleet);
    let arguments = ["rotate", "--host", "web", "--yes", "--known-hosts", known.to_str().unwrap()];
    let ran = while_reloading(&fleet, || fleet.pkeys(&arguments));
    assert!(ran.out.contains("rotated web") && ran.out.contains("[127.0.0.1]:"), "{ran:?}");
    for line in ["made a new key", "has a bundle that brings it", "its sshd has it", "is sealed no more to SHA256:"] {
        assert!(ran.err.contains(line), "{line}: {}", ran.err);
    }
    rotated(&fleet, &before, &old);
    assert_eq!(shown(&fleet, "db"), db);
    // The operator's ssh knows the new key, and only it; strictly. The other host's line stayed.
    let text = std::fs::read_to_string(&known).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    fleet.pkeys(&["push"]).good();
    // And again, from there.
    let (second, old) = (shown(&fleet, "web"), old_key(&fleet));
    while_reloading(&fleet, || fleet.pkeys(&arguments)).good();
    rotated(&fleet, &second, &old);
    fleet.sandbox.nowhere(b"PRIVATE KEY", &{
        let keys =
            ["old.key", "push.key", "config/signing-key", "web.key", "db.key"].map(|name| fleet.sandbox.path(name));
        let keys = keys.into_iter().chain(["web", "db"].map(|name| fleet.root(name).join("etc/host.key")));
        keys.collect::<Vec<_>>().iter().map(|path| &**Box::leak(Box::new(path.clone()))).collect::<Vec<_>>()
    });
}

#[test]
fn without_known_hosts_the_lines_are_printed_and_the_rotation_ends_all_the_same() {
    let Some(fleet) = fleet() else { return };
    let (before, old) = (shown(&fleet, "web"), old_key(&fleet));
    let ran = while_reloading(&fleet, || fleet.pkeys(&["--json", "rotate", "--host", "web", "--yes"]));
    let said: serde_json::Value = serde_json::from_str(&ran.good()).unwrap();
    rotated(&fleet, &before, &old);
    let line = said[0]["known_hosts"].as_str().unwrap();
    assert!(line.ends_with(&shown(&fleet, "web")), "{line}");
    // The operator's ssh does not know it yet; pkeys does, from `recipients`; with the line ssh does too.
    let ssh = || {
        let mut command = std::process::Command::new("ssh");
        command.arg("-F").arg(fleet.sandbox.path("ssh_config")).args(["-o", "BatchMode=yes", "web"]);
        run_command(command.arg("pkeys-activate report"), b"")
    };
    assert_eq!(ssh().status, 255);
    fleet.pkeys(&["push", "web"]).good();
    std::fs::write(known_hosts(&fleet), format!("{line}\n")).unwrap();
    ssh().good();
}

#[test]
fn it_goes_on_where_it_was_left() {
    let Some(mut fleet) = fleet() else { return };
    let (before, old) = (shown(&fleet, "web"), old_key(&fleet));
    fleet.stop("web");
    let ran = fleet.pkeys(&["rotate", "--host", "web", "--yes"]);
    assert!(ran.status == 1 && ran.err.contains("error: web: cannot log in"), "{ran:?}");
    assert!(ran.err.contains("can still open what they have. Go on with: `pkeys rotate --host web`"), "{ran:?}");
    assert!(opens(&fleet, "web", &old), "both can, meanwhile");
    // The key goes to a place that sshd does not read: the old one is not dropped.
    fleet.start("web");
    fleet.spec("web", json!({ "hostKey": { "path": "/etc/another.key" } }));
    let ran = fleet.pkeys(&["rotate", "--host", "web"]);
    assert!(ran.status == 1 && ran.err.contains("its sshd still shows another"), "{ran:?}");
    assert!(opens(&fleet, "web", &old) && opens(&fleet, "web", &fleet.root("web").join("etc/another.key")));
    let pending = manifest(&fleet);
    // A place that cannot be is named.
    std::os::unix::fs::symlink("/etc/another.key", fleet.root("web").join("etc/link")).unwrap();
    fleet.spec("web", json!({ "hostKey": { "path": "/etc/link" } }));
    let ran = fleet.pkeys(&["rotate", "--host", "web"]);
    assert!(ran.status == 1 && ran.err.contains("/etc/link is no ordinary file"), "{ran:?}");
    fleet.spec("web", json!({ "hostKey": { "path": "/etc/host.key" } }));
    fleet.pkeys(&["rotate", "--host", "web"]).good();
    rotated(&fleet, &before, &old);
    assert!(pending.contains("next-host-key = \"age:ssh-host-key.web.next\""), "{pending}");
}

killed_at! { killed_anywhere_it_goes_on_and_the_host_can_always_open_its_bundle:
    renameat: every 2, at least 3;
    fsync: every 7, at least 2;
    vfork: every 3, at least 0;
    unlinkat: every 3, at least 2;
}

/// Kills the rotation of a host's key at every `step`th call of one name.
fn killed(call: &str, step: usize, least: usize) {
    let Some(fleet) = fleet() else { return };
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut kills = 0;
    for number in (1..200).step_by(step) {
        let (before, old) = (shown(&fleet, "web"), old_key(&fleet));
        let mut command = fleet.sandbox.command_of("strace");
        command.env("PKEYS_SSH_CONFIG", fleet.sandbox.path("ssh_config")).env("XDG_RUNTIME_DIR", memory.path());
        command.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
        command.arg(format!("inject={call}:signal=KILL:when={number}"));
        let known = known_hosts(&fleet);
        command.args([crate::common::pkeys_binary(), "rotate", "--host", "web", "--yes", "--known-hosts"]).arg(&known);
        let killed = while_reloading(&fleet, || run_command(&mut command, b"")).status == 137;
        let now = fleet.root("web").join("etc/host.key");
        assert!(opens(&fleet, "web", &old) || opens(&fleet, "web", &now), "{call} {number}");
        if killed && (manifest(&fleet).contains("next-host-key") || shown(&fleet, "web") == before) {
            let again = ["rotate", "--host", "web", "--yes", "--known-hosts", known.to_str().unwrap()];
            while_reloading(&fleet, || fleet.pkeys(&again)).good();
        }
        rotated(&fleet, &before, &old);
        // What a run leaves that was killed at its very end is never taken for a new key.
        assert!(killed || !fleet.sandbox.repo().join("secrets/ssh-host-key.web.next.age").exists());
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills >= least, "{kills}");
    println!("killed {kills} times at {call}, and survived");
}

#[test]
fn what_cannot_be_is_said_first() {
    let Some(fleet) = fleet() else { return };
    let before = fleet.sandbox.snapshot();
    fleet.pkeys(&["rotate", "--host", "wbe", "--yes"]).bad("pkeys.toml has no host wbe", "did you mean web?");
    assert_eq!(fleet.pkeys(&["rotate", "--known-hosts", "x"]).status, 2);
    assert_eq!(fleet.pkeys(&["rotate", "--host", "web", "--secret", "token"]).status, 2);
    assert_eq!(before, fleet.sandbox.snapshot());
    // A name that hosts take for something else.
    fleet.sandbox.secret("ssh-host-key", b"x", &["web"]);
    let ran = fleet.sandbox.pkeys(&["render", "web"]);
    assert!(ran.status == 1 && ran.err.contains("a secret is called ssh-host-key"), "{ran:?}");
}
