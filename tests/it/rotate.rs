//! `rotate`, on real sshd servers, looked at with plain `ssh`.

use crate::common::connect;
use crate::common::fleet::Fleet;
use crate::common::{Ran, killed_at, root, run_command};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const HOSTS: [&str; 3] = ["web", "db", "mail"];

/// Three hosts on which root's key `laptop` is authorized; gives its private file.
fn fleet() -> Option<(Fleet, PathBuf)> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&HOSTS);
    let (old, _) = fleet.sandbox.ssh_key("old", "ed25519");
    fleet.sandbox.pkeys_with(&["secret", "set", "first-key"], &std::fs::read(&old).unwrap()).good();
    fleet.sandbox.pkeys(&["key", "add", "root", "laptop", "--from", "age:first-key"]).good();
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    fleet.sandbox.manifest(text.replace("[users.root]\nhosts = []", "[users.root]\nhosts = [\"*\"]"));
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    assert!(HOSTS.iter().all(|host| fleet.login(host, &old)), "{}", fleet.sandbox.pkeys(&["key", "list"]).out);
    Some((fleet, old))
}

/// A private key in a file, for as long as it is looked at.
struct Kept(PathBuf, #[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir);

/// The kept private half of a state, in a file; opened with Debian's age.
fn kept(fleet: &Fleet, which: &str) -> Option<Kept> {
    let file = fleet.sandbox.repo().join(format!("secrets/ssh-user-key.root.laptop{which}.age"));
    let identity = fleet.sandbox.path("config/identity.txt");
    let mut command = std::process::Command::new("age");
    let ran = run_command(command.arg("-d").arg("-i").arg(identity).arg(file), b"");
    if ran.status != 0 {
        return None;
    }
    Some(in_a_file(ran.out.as_bytes()))
}

fn in_a_file(private: &[u8]) -> Kept {
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("key");
    std::fs::write(&to, private).unwrap();
    std::fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    Kept(to, place)
}

fn keys(fleet: &Fleet) -> Vec<(String, String)> {
    let list: Value = serde_json::from_str(&fleet.pkeys(&["--json", "key", "list"]).good()).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.as_array().unwrap().iter().map(|key| (text(&key["state"]), text(&key["fingerprint"]))).collect()
}

/// The rotation is over: each host refuses the old key and takes the new one, and nothing is left of the way.
#[track_caller]
fn rotated(fleet: &Fleet, old: &std::path::Path) {
    let new = kept(fleet, "").expect("the new key is kept");
    for host in HOSTS {
        assert!(!fleet.login(host, old), "{host} refuses the old key");
        assert!(fleet.login(host, &new.0), "{host} takes the new key");
    }
    let keys = keys(fleet);
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(keys[0].0, "active");
    let fingerprint = crate::common::run("ssh-keygen", &["-lf", new.0.to_str().unwrap()], b"").good();
    assert!(fingerprint.contains(&keys[0].1), "{fingerprint} {keys:?}");
    assert!(kept(fleet, ".previous").is_none() && kept(fleet, ".archived").is_some());
    fleet.sandbox.pkeys(&["verify"]).good();
    fleet.sandbox.pkeys(&["log", "--verify"]).good();
}

fn rotate(fleet: &Fleet, more: &[&str]) -> Ran {
    fleet.pkeys(&[&["rotate", "root", "--yes"], more].concat())
}

#[test]
fn one_command_replaces_a_key_everywhere_and_nobody_is_ever_locked_out() {
    let Some((fleet, old)) = fleet() else { return };
    let (stop, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for host in HOSTS {
                    // The old key is tried first: if it was just removed, the new one must work by now.
                    let open = fleet.login(host, &old) || kept(&fleet, "").is_some_and(|new| fleet.login(host, &new.0));
                    assert!(open, "{host} let nobody in");
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let ran = rotate(&fleet, &[]);
        stop.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
        assert!(ran.out.contains("rotated root laptop"), "{ran:?}");
        for line in ["made a new key", "web: a login with the new key works", "mail: refuses the old key", "kept until"]
        {
            assert!(ran.err.contains(line), "{line}: {}", ran.err);
        }
        ran.good();
    });
    assert!(looks.into_inner() > 5, "the watcher really looked");
    rotated(&fleet, &old);
    // No private half anywhere in the clear: not on the operator's disk, not on a host's.
    let text = std::fs::read_to_string(&old).unwrap();
    let needle = text.lines().nth(4).unwrap().to_owned();
    fleet.sandbox.nowhere(needle.as_bytes(), &[&old]);
}

#[test]
fn a_host_that_is_down_is_waited_for_at_the_overlap() {
    let Some((mut fleet, old)) = fleet() else { return };
    fleet.stop("db");
    let ran = rotate(&fleet, &[]);
    assert_eq!(ran.status, 1);
    assert!(ran.out.contains("waiting root laptop") && ran.err.contains("error: db: cannot log in"), "{ran:?}");
    assert!(
        ran.err.contains("Nobody has lost access") && ran.err.contains("pkeys rotate root --key laptop"),
        "{ran:?}"
    );
    let new = kept(&fleet, "").unwrap();
    for host in ["web", "mail"] {
        assert!(fleet.login(host, &old) && fleet.login(host, &new.0), "{host} takes both");
    }
    // Each key's reference leads to its own private half.
    let list: Value = serde_json::from_str(&fleet.pkeys(&["--json", "key", "list"]).good()).unwrap();
    for key in list.as_array().unwrap() {
        let (reference, state) = (key["private"].as_str().unwrap(), key["state"].as_str().unwrap());
        assert_eq!(reference.ends_with(".previous"), state == "active", "{list}");
        let which = if state == "active" { ".previous" } else { "" };
        let half = kept(&fleet, which).unwrap();
        let line = crate::common::run("ssh-keygen", &["-lf", half.0.to_str().unwrap()], b"").good();
        assert!(line.contains(key["fingerprint"].as_str().unwrap()), "{line} {key}");
    }
    let status = fleet.pkeys(&["rotate", "--status"]).good();
    assert!(status.contains("pending") && status.contains("mail web"), "{status}");
    // Again while it is down: nothing changes, no second key is made.
    let before = keys(&fleet);
    assert_eq!(rotate(&fleet, &[]).status, 1);
    assert_eq!(keys(&fleet), before);
    fleet.start("db");
    rotate(&fleet, &[]).good();
    rotated(&fleet, &old);
}

#[test]
fn a_host_that_rejects_the_push_is_waited_for_too() {
    let Some((fleet, old)) = fleet() else { return };
    let stranger = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdkoSukVfg6r463QeUVfDYUoxF5VaW1f9+faPW8yugu";
    fleet.spec("mail", serde_json::json!({ "trustedSigners": [stranger] }));
    let ran = rotate(&fleet, &[]);
    assert!(ran.status == 1 && ran.err.contains("mail: the host refused it"), "{ran:?}");
    assert!(HOSTS.iter().all(|host| fleet.login(host, &old)));
    fleet.spec("mail", serde_json::json!({}));
    rotate(&fleet, &[]).good();
    rotated(&fleet, &old);
}

#[test]
fn a_key_that_is_authorized_elsewhere_too_is_found() {
    let Some((fleet, old)) = fleet() else { return };
    let line = std::fs::read_to_string(fleet.sandbox.path("old.key.pub")).unwrap();
    let place = fleet.root("web").join("push_keys");
    let keys = std::fs::read_to_string(&place).unwrap();
    std::fs::write(&place, format!("{keys}\n{line}")).unwrap();
    let ran = rotate(&fleet, &[]);
    assert!(ran.status == 1 && ran.err.contains("web: it still accepts the old key"), "{ran:?}");
    assert!(ran.err.contains("~root/.ssh/authorized_keys"), "{ran:?}");
    std::fs::write(&place, keys).unwrap();
    rotate(&fleet, &[]).good();
    rotated(&fleet, &old);
}

#[test]
fn going_back_is_proven_too() {
    let Some((mut fleet, old)) = fleet() else { return };
    fleet.pkeys(&["rotate", "root", "--abort", "--yes"]).bad("no rotation of root laptop is under way", "nothing");
    fleet.stop("db");
    assert_eq!(rotate(&fleet, &[]).status, 1);
    let new = kept(&fleet, "").unwrap();
    fleet.start("db");
    let ran = rotate(&fleet, &["--abort"]);
    ran.good();
    for host in HOSTS {
        assert!(fleet.login(host, &old) && !fleet.login(host, &new.0), "{host}");
    }
    assert_eq!(keys(&fleet).len(), 1);
    // And from there forward again.
    rotate(&fleet, &[]).good();
    rotated(&fleet, &old);
}

#[test]
fn a_generated_key_is_rotated_and_a_removed_one_never_comes_back() {
    let Some((fleet, _)) = fleet() else { return };
    fleet.sandbox.pkeys(&["key", "add", "root", "desk", "--generate", "--options", "no-pty"]).good();
    let place = fleet.sandbox.repo().join("secrets/ssh-user-key.root.desk.age");
    let before = std::fs::read(&place).unwrap();
    let said = fleet.sandbox.pkeys(&["key", "add", "root", "desk", "--generate"]).good();
    assert!(said.contains("kept") && std::fs::read(&place).unwrap() == before, "{said}");
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    fleet.pkeys(&["rotate", "root", "--key", "desk", "--yes"]).good();
    let lines = String::from_utf8(fleet.read("web", "run/pkeys/authorized_keys/root")).unwrap();
    assert!(lines.contains("no-pty ssh-ed25519") && lines.contains("root desk"), "options stay: {lines}");

    let fingerprint =
        |fleet: &Fleet| keys(fleet).into_iter().map(|(_, f)| f).collect::<std::collections::BTreeSet<_>>();
    let with = fingerprint(&fleet);
    let said = fleet.sandbox.pkeys(&["key", "remove", "root", "desk"]);
    assert!(said.err.contains("put aside, and kept until"), "{said:?}");
    assert!(!place.exists() && place.with_file_name("ssh-user-key.root.desk.archived.age").exists());
    fleet.sandbox.pkeys(&["key", "add", "root", "desk", "--generate"]).good();
    assert_eq!(fingerprint(&fleet).intersection(&with).count(), 1, "only the laptop's key is the same");

    // ssh takes the kept file as age opens it.
    let identity = fleet.sandbox.path("config/identity.txt");
    let script = "age -d -i \"$0\" \"$1\" > \"$2/k\" && chmod 600 \"$2/k\" && ssh-keygen -yf \"$2/k\" && \
        ssh-agent sh -c 'age -d -i \"$0\" \"$1\" | ssh-add -q - && ssh-add -l' \"$0\" \"$1\"";
    let scratch = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sh");
    let said = run_command(command.args(["-c", script]).arg(identity).arg(&place).arg(scratch.path()), b"").good();
    assert!(said.contains("ssh-ed25519 ") && said.contains("(ED25519)"), "{said}");
}

#[test]
fn keys_are_kept_in_1password_where_the_manifest_says_so() {
    let Some((mut fleet, old)) = fleet() else { return };
    let server = connect::StandIn::start(connect::EXAMPLE, &[]);
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace("[users.root]\n", "[users.root]\nstore = \"op://demo\"\n");
    fleet.sandbox.manifest(text + "\n[sources.onepassword]\nkind = \"connect\"\n");
    let with = |fleet: &Fleet, token: &str, arguments: &[&str]| {
        let mut command = fleet.command();
        command.env("OP_CONNECT_HOST", server.url()).env("OP_CONNECT_TOKEN", token);
        run_command(command.args(arguments), b"")
    };
    let before = keys(&fleet);
    let refused = with(&fleet, connect::READ_TOKEN, &["rotate", "root", "--yes"]);
    assert!(refused.status == 1 && refused.err.contains("write"), "{refused:?}");
    assert_eq!(keys(&fleet), before, "nothing was begun");
    with(&fleet, connect::WRITE_TOKEN, &["rotate", "root", "--yes"]).good();
    let shown = with(&fleet, connect::WRITE_TOKEN, &["key", "list"]).good();
    assert!(shown.contains("op://demo/ssh root laptop/private key"), "{shown}");
    assert!(HOSTS.iter().all(|host| !fleet.login(host, &old)));
    let first = keys(&fleet);
    fleet.stop("db");
    assert_eq!(with(&fleet, connect::WRITE_TOKEN, &["rotate", "root", "--yes"]).status, 1);
    // Meanwhile the reference of the old key leads into a section of its own.
    let text = std::fs::read_to_string(&manifest).unwrap();
    let old = "op://demo/ssh root laptop/previous/private key";
    assert!(with(&fleet, connect::WRITE_TOKEN, &["key", "list"]).good().contains(old));
    fleet.sandbox.manifest(format!("{text}\n[secrets.old]\nfrom = \"{old}\"\n"));
    let half = with(&fleet, connect::WRITE_TOKEN, &["secret", "show", "old"]).good();
    let half = in_a_file(half.as_bytes());
    let line = crate::common::run("ssh-keygen", &["-lf", half.0.to_str().unwrap()], b"").good();
    assert!(line.contains(&first[0].1), "{line} {first:?}");
    fleet.sandbox.manifest(text);
    fleet.start("db");
    with(&fleet, connect::WRITE_TOKEN, &["rotate", "root", "--yes"]).good();
    assert_ne!(keys(&fleet), first);
}

#[test]
fn it_asks_first_and_says_what_it_cannot_do() {
    let Some((fleet, _)) = fleet() else { return };
    let before = fleet.sandbox.snapshot();
    let dry = fleet.pkeys(&["rotate", "root", "--dry-run"]);
    assert!(dry.err.contains("root laptop: new key, prove it, remove the old one, on 3 hosts: db mail web"), "{dry:?}");
    dry.good();
    fleet.pkeys(&["rotate", "root"]).bad("there is no terminal to ask at", "--yes");
    fleet.pkeys(&["rotate", "rot", "--yes"]).bad("keys.toml has no key of rot", "did you mean root?");
    assert_eq!(fleet.pkeys(&["rotate"]).status, 2);
    assert_eq!(before, fleet.sandbox.snapshot());
    let (_, phone) = fleet.sandbox.ssh_key("phone", "ed25519");
    fleet.sandbox.pkeys(&["key", "add", "root", "phone", "--public", &phone]).good();
    fleet
        .pkeys(&["rotate", "root", "--key", "phone"])
        .bad("pkeys does not hold the private half of root phone", "by hand");
    assert!(fleet.pkeys(&["rotate", "--all-due", "--yes"]).err.contains("Nothing is due"));
}

// Whatever starts a program, writes a file, puts it in place, or takes one away. The standard library starts programs by one of
// `clone3` and `vfork`.
killed_at! { killed_anywhere_a_rotation_goes_on_and_nobody_is_locked_out:
    renameat: every 3, at least 2;
    fsync: every 9, at least 2;
    clone3: every 9, at least 2;
    vfork: every 9, at least 0;
    unlinkat: every 7, at least 2;
    write: every 60, at least 1;
}

/// Kills a rotation at every `step`th call of one name. Threads are not followed: the first one makes every decision, and
/// does its share of the pushes and logins.
fn killed(call: &str, step: usize, least: usize) {
    let Some((fleet, _)) = fleet() else { return };
    // What a killed run leaves in memory (a public key, a dead socket) goes with this directory.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut kills = 0;
    for number in (1..200).step_by(step) {
        let old = kept(&fleet, "").or_else(|| first(&fleet)).unwrap();
        let mut command = fleet.sandbox.command_of("strace");
        command.env("PKEYS_SSH_CONFIG", fleet.sandbox.path("ssh_config")).env("XDG_RUNTIME_DIR", memory.path());
        command.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
        command.arg(format!("inject={call}:signal=KILL:when={number}"));
        command.args([crate::common::pkeys_binary(), "rotate", "root", "--yes"]);
        let killed = run_command(&mut command, b"").status == 137;
        let new = kept(&fleet, "");
        for host in HOSTS {
            let open = fleet.login(host, &old.0) || new.as_ref().is_some_and(|new| fleet.login(host, &new.0));
            assert!(open, "{call} {number}: {host} lets nobody in");
        }
        if keys(&fleet).iter().any(|(state, _)| state != "active") || killed {
            rotate(&fleet, &[]).good();
        }
        rotated(&fleet, &old.0);
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills >= least, "{kills}");
    println!("killed {kills} times at {call}, and survived");
}

/// The key that the rotation began with.
fn first(fleet: &Fleet) -> Option<Kept> {
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("key");
    std::fs::copy(fleet.sandbox.path("old.key"), &to).unwrap();
    Some(Kept(to, place))
}
