//! The host's program, killed at every system call that changes something: whole before, whole after, nothing left.

use crate::common::host::{Bundle, Machine};
use crate::common::{Ran, activate_binary, files_below, root, run_command};
use serde_json::{Value, json};
use std::path::Path;

const CHANGING: &[&str] = &[
    "mkdirat",
    "openat",
    "write",
    "fchown",
    "fchmod",
    "fsync",
    "symlinkat",
    "renameat",
    "renameat2",
    "unlinkat",
    "linkat",
    "flock",
    "mkdir",
    "rename",
    "move_mount",
];

/// `install`, killed at the `number`th of one call. `None` when it ended before.
fn killed(machine: &Machine, call: &str, number: usize) -> Option<Ran> {
    let mut command = machine.sandbox.command_of("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    command.arg(format!("inject={call}:signal=KILL:when={number}")).arg(activate_binary());
    command.args(["install", "--queue-units", "/run/nixos", "--spec"]).arg(machine.root().join("spec.json"));
    let ran = run_command(command.arg("--root").arg(machine.root()), b"");
    (ran.status == 137).then_some(ran)
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    run_command(std::process::Command::new("cp").arg("-a").args([from, to]), b"").good();
}

/// From one state of a machine: kills an activation at each call, looks with `meanwhile`, activates again, looks with
/// `afterwards`, and searches for leftovers.
fn at_every_call(machine: &Machine, status: i32, meanwhile: impl Fn(&Machine), afterwards: impl Fn(&Machine)) {
    let saved = machine.sandbox.path("saved");
    copy(&machine.root(), &saved);
    let mut kills = 0;
    for call in CHANGING {
        for number in 1..150 {
            copy(&saved, &machine.root());
            let end = killed(machine, call, number).is_none();
            meanwhile(machine);
            let again = machine.install(&["--queue-units", "/run/nixos"]);
            assert_eq!(again.status, status, "{call} {number}: {again:?}");
            afterwards(machine);
            assert_eq!(machine.generations(), 1, "{call} {number}");
            let left = files_below(&machine.root());
            let odd = |path: &&std::path::PathBuf| {
                let path = path.to_string_lossy();
                path.contains(".pkeys-tmp") || path.contains("replaced-2")
            };
            let left: Vec<_> = left.iter().filter(odd).collect();
            assert!(left.is_empty(), "{call} {number}: {left:?}");
            if end {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 30, "killed {kills} times only");
    println!("killed at {kills} calls, and survived");
}

fn bundle(machine: &Machine, generation: u64, value: &[u8], recipient: &str) {
    let keys = json!({ "ann": [format!("ssh-ed25519 AAAA {generation}")] });
    let bundle = Bundle { keys, recipient, ..Bundle::of(generation, &[("a", value), ("b", value)]) };
    machine.bundle("b", &bundle);
}

fn spec() -> Value {
    json!({ "secrets": { "a": { "path": "/etc/a", "restartUnits": ["app.service"] }, "b": { "symlinks": ["/etc/new/b"] } },
        "templates": { "t": { "content": "@pkeys:a@" } } })
}

/// The value of the generation that is there, which must be whole.
fn whole(machine: &Machine) -> String {
    let read = |name: &str| String::from_utf8(machine.read(&format!("run/pkeys/{name}"))).unwrap();
    let a = read("secrets/a");
    assert_eq!((read("secrets/b"), read("templates/t")), (a.clone(), a.clone()));
    assert!(read("authorized_keys/ann").starts_with("ssh-ed25519 AAAA "));
    a
}

fn links(machine: &Machine) -> [bool; 2] {
    ["etc/a", "etc/new/b"].map(|path| machine.root().join(path).is_symlink())
}

#[test]
fn killed_at_every_step_the_old_or_the_new_generation_is_whole() {
    let machine = Machine::new();
    machine.spec(
        json!({ "secrets": { "b": { "symlinks": ["/etc/old"] } }, "templates": { "t": { "content": "@pkeys:a@" } } }),
    );
    bundle(&machine, 1, b"old", "host");
    machine.install(&[]).good();
    machine.spec(spec());
    bundle(&machine, 2, b"new", "host");
    at_every_call(
        &machine,
        0,
        |machine| assert!(["old", "new"].contains(&&*whole(machine))),
        |machine| {
            assert_eq!((whole(machine), links(machine)), ("new".into(), [true, true]));
            assert!(!machine.root().join("etc/old").is_symlink());
            assert_eq!(
                machine.read("run/nixos/activation-restart-list"),
                b"app.service\n",
                "the unit is not forgotten"
            );
        },
    );
}

#[test]
fn a_first_activation_that_is_killed_is_done_by_the_next() {
    let machine = Machine::new();
    machine.spec(spec());
    bundle(&machine, 1, b"new", "host");
    at_every_call(
        &machine,
        0,
        |machine| {
            if machine.root().join("run/pkeys").is_symlink() {
                whole(machine);
            }
        },
        |machine| assert_eq!((whole(machine), links(machine)), ("new".into(), [true, true])),
    );
}

#[test]
fn killed_while_only_authorized_keys_change_the_secrets_stay() {
    let machine = Machine::new();
    machine.spec(spec());
    bundle(&machine, 1, b"old", "host");
    machine.install(&[]).good();
    bundle(&machine, 2, b"sealed away", "stranger");
    at_every_call(
        &machine,
        3,
        |machine| assert_eq!(whole(machine), "old"),
        |machine| {
            assert_eq!((whole(machine), links(machine)), ("old".into(), [true, true]));
            assert_eq!(machine.read("run/pkeys/authorized_keys/ann"), b"ssh-ed25519 AAAA 2\n");
        },
    );
}

#[test]
fn killed_while_a_directory_is_moved_aside_nothing_of_it_is_lost() {
    let machine = Machine::new();
    machine.spec(spec());
    bundle(&machine, 1, b"new", "host");
    std::fs::create_dir_all(machine.root().join("run/pkeys")).unwrap();
    std::fs::write(machine.root().join("run/pkeys/theirs"), "kept").unwrap();
    at_every_call(
        &machine,
        0,
        |_| {},
        |machine| {
            assert_eq!(whole(machine), "new");
            assert_eq!(machine.read("run/pkeys.replaced-1/theirs"), b"kept");
        },
    );
}

#[test]
fn killed_on_a_live_machine_the_ramfs_is_mounted_once() {
    if !root("a real ramfs") {
        return;
    }
    let machine = Machine::new();
    bundle(&machine, 1, b"new", "host");
    let at = machine.root();
    machine.spec(json!({ "bundles": [at.join("b")], "identities": [at.join("etc/host.key")] }));
    let script = "set -e; mount -t tmpfs none /run; mount -t tmpfs none /var/lib; \
        strace -f -qq -o /dev/null -e trace=$1 -e inject=$1:signal=KILL:when=1 $2 install --spec $3 && exit 9; \
        $2 install --spec $3 >/dev/null; cat /run/pkeys/secrets/a; echo; grep -c ' /run/pkeys.d ramfs ' /proc/self/mounts; ls -A /run | grep pkeys; ls -A /run/pkeys.d | wc -l";
    for call in ["fsopen", "fsmount", "move_mount", "mkdirat", "flock", "symlinkat", "renameat", "fchmod"] {
        let mut command = machine.sandbox.command_of("unshare");
        command.args(["-m", "sh", "-c", script, "sh", call, activate_binary()]);
        let said = run_command(command.arg(at.join("spec.json")), b"").good();
        assert_eq!(said, "new\n1\npkeys\npkeys.d\npkeys.lock\n1\n", "{call}");
    }
}
