//! The host on its worst days: killed at every step, hostile users, a full file system, a real ramfs.

mod common;
#[path = "common/host.rs"]
mod host;

use common::{Ran, root, run_command};
use host::{Bundle, Machine};
use serde_json::json;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

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
];

#[test]
fn killed_at_every_step_the_old_or_the_new_generation_is_whole() {
    let machine = Machine::new();
    let spec = || {
        machine.spec(json!({ "secrets": { "a": { "path": "/etc/a" }, "b": { "symlinks": ["/etc/b"] } }, "templates": { "t": { "content": "@pkeys:a@" } } }))
    };
    let (mut kills, mut round) = (0, 1);
    let next = |round: u64| {
        let value = format!("value-{round}").into_bytes();
        machine.bundle(
            "b",
            &Bundle {
                keys: json!({ "ann": ["ssh-ed25519 AAAA"] }),
                ..Bundle::of(round, &[("a", &value), ("b", &value)])
            },
        );
    };
    next(round);
    spec();
    machine.install(&[]).good();
    let whole = |machine: &Machine| {
        let read = |name: &str| String::from_utf8(machine.read(&format!("run/pkeys/{name}"))).unwrap();
        let a = read("secrets/a");
        assert_eq!((read("secrets/b"), read("templates/t")), (a.clone(), a.clone()));
        assert_eq!(read("authorized_keys/ann"), "ssh-ed25519 AAAA\n");
        a
    };
    for call in CHANGING {
        // Loading a program opens a few files before it begins.
        for number in 1..150 {
            round += 1;
            next(round);
            let (root, spec) = (machine.root(), machine.root().join("spec.json"));
            let mut command = machine.sandbox.command_of("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
            command.args([
                "-e",
                &format!("inject={call}:signal=KILL:when={number}"),
                env!("CARGO_BIN_EXE_pkeys-activate"),
            ]);
            command.arg("install").arg("--spec").arg(spec).arg("--root").arg(root);
            let ran = run_command(&mut command, b"");
            let now = whole(&machine);
            let (old, new) = (format!("value-{}", round - 1), format!("value-{round}"));
            assert!(now == old || now == new, "{call} {number}: {now}");
            machine.install(&[]).good();
            assert_eq!(whole(&machine), new);
            assert_eq!(machine.generations(), 1, "{call} {number}");
            let left = std::fs::read_dir(machine.root().join("run")).unwrap().flatten().map(|e| e.file_name());
            let left: Vec<_> = left.filter(|n| n.to_string_lossy().starts_with(".pkeys-tmp")).collect();
            assert!(left.is_empty(), "{call} {number}: {left:?}");
            if ran.status != 137 {
                assert_eq!(ran.status, 0, "{ran:?}");
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 30, "{kills}");
    println!("killed at {kills} calls, and survived");
}

/// A machine with a directory that user 1000 owns.
fn with_a_users_directory() -> Option<Machine> {
    if !root("a directory that another user owns") {
        return None;
    }
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"secret")]));
    let home = machine.root().join("home/u");
    std::fs::create_dir_all(home.join("real")).unwrap();
    chown(&home, Some(1000), Some(1000)).unwrap();
    chown(home.join("real"), Some(1000), Some(1000)).unwrap();
    std::fs::create_dir_all(machine.root().join("victim")).unwrap();
    std::fs::write(machine.root().join("victim/shadow"), "untouched").unwrap();
    Some(machine)
}

#[track_caller]
fn untouched(machine: &Machine) {
    let victim: Vec<_> = std::fs::read_dir(machine.root().join("victim")).unwrap().flatten().collect();
    assert_eq!(victim.len(), 1, "{victim:?}");
    assert_eq!(machine.read("victim/shadow"), b"untouched");
}

#[test]
fn a_link_that_a_user_planted_is_not_followed() {
    let Some(machine) = with_a_users_directory() else { return };
    let home = machine.root().join("home/u");
    symlink("/victim", home.join("dir")).unwrap();
    symlink("/victim/shadow", home.join("file")).unwrap();
    machine.spec(json!({ "secrets": { "a": { "path": "/home/u/dir/shadow", "symlinks": ["/home/u/dir/new/x", "/home/u/file", "/home/u/fine"] } } }));
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 4, "{ran:?}");
    assert_eq!(ran.err.matches("goes through a link that others could change").count(), 2, "{}", ran.err);
    untouched(&machine);
    // A link at the very end is replaced, not followed.
    for name in ["file", "fine"] {
        assert_eq!(std::fs::read_link(home.join(name)).unwrap().to_str(), Some("/run/pkeys/secrets/a"));
    }
    // Removing goes the same way.
    std::fs::remove_file(home.join("fine")).unwrap();
    symlink("/victim", home.join("fine")).unwrap();
    machine.spec(json!({}));
    machine.install(&[]).good();
    untouched(&machine);
}

#[test]
fn a_link_that_only_root_could_have_put_there_is_followed_inside_the_root() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"1")]));
    std::fs::create_dir_all(machine.root().join("persist/etc")).unwrap();
    symlink("/persist/etc", machine.root().join("etc/app")).unwrap();
    symlink("../../../../persist", machine.root().join("up")).unwrap();
    machine.spec(json!({ "secrets": { "a": { "path": "/etc/app/key", "symlinks": ["/up/key"] } } }));
    machine.install(&[]).good();
    assert!(machine.root().join("persist/etc/key").is_symlink() && machine.root().join("persist/key").is_symlink());
}

#[test]
fn a_user_who_swaps_directories_meanwhile_gains_nothing() {
    let Some(machine) = with_a_users_directory() else { return };
    let home = machine.root().join("home/u");
    machine
        .spec(json!({ "secrets": { "a": { "path": "/home/u/real/shadow", "symlinks": ["/home/u/real/deep/er"] } } }));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let (real, aside, link) = (home.join("real"), home.join("aside"), home.join("link"));
            let mut swaps = 0;
            while !stop.load(Ordering::Relaxed) {
                let _ = std::fs::rename(&real, &aside);
                let _ = symlink("/victim", &link);
                let _ = std::fs::rename(&link, &real);
                let _ = std::fs::remove_file(&real);
                let _ = std::fs::rename(&aside, &real);
                swaps += 1;
            }
            swaps
        });
        for _ in 0..150 {
            let ran: Ran = machine.install(&[]);
            assert!(ran.status == 0 || ran.status == 4, "{ran:?}");
            untouched(&machine);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(swapper.join().unwrap() > 1000, "the swapper really swapped");
    });
}

/// Runs a shell script in a mount namespace of its own, in which `/run` and `/var/lib` are empty.
fn on_a_live_machine(machine: &Machine, script: &str) -> Ran {
    let start = "set -e; mount -t tmpfs none /run; mount -t tmpfs none /var/lib; set +e";
    let activate = env!("CARGO_BIN_EXE_pkeys-activate");
    let script = format!("{start}; A={activate}; R={}; {script}", machine.root().display());
    run_command(machine.sandbox.command_of("unshare").args(["-m", "sh", "-c", &script]), b"")
}

fn live_machine(what: &str) -> Option<Machine> {
    if !root(what) {
        return None;
    }
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"needle-live")]));
    let root = machine.root();
    let (bundle, key) = (root.join("b"), root.join("etc/host.key"));
    machine.spec(
        json!({ "bundles": [bundle], "identities": [key], "secrets": { "a": { "symlinks": ["/var/lib/link"] } } }),
    );
    Some(machine)
}

#[test]
fn on_a_live_machine_secrets_are_on_a_private_ramfs() {
    let Some(machine) = live_machine("a real ramfs") else { return };
    let script = "$A install --spec $R/spec.json && $A install --spec $R/spec.json && cat /var/lib/link && echo && \
        stat -f -c %T /run/pkeys/ && stat -c %a /run/pkeys.d && grep -c ' /run/pkeys.d ' /proc/self/mounts && \
        grep ' /run/pkeys.d ' /proc/self/mounts";
    let said = on_a_live_machine(&machine, script).good();
    let lines: Vec<_> =
        said.lines().skip(2).filter(|line| !line.starts_with("add:") && !line.starts_with("installed")).collect();
    assert_eq!(lines[..4], ["needle-live", "ramfs", "751", "1"], "{said}");
    for option in ["nosuid", "nodev", "noexec"] {
        assert!(lines[4].contains(option), "{said}");
    }
    machine.sandbox.nowhere(b"needle-live", &[]);
}

#[test]
fn without_the_right_to_mount_nothing_is_changed() {
    let Some(machine) = live_machine("a mount that is not permitted") else { return };
    let script = "setpriv --bounding-set -sys_admin --inh-caps -sys_admin $A install --spec $R/spec.json; code=$?; ls -A /run; exit $code";
    let ran = on_a_live_machine(&machine, script);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(
        ran.err.contains("cannot mount a ramfs at /run/pkeys.d: permission denied (it needs root with CAP_SYS_ADMIN"),
        "{ran:?}"
    );
    assert!(!ran.out.contains("pkeys\n"), "{ran:?}");
}

#[test]
fn a_full_file_system_leaves_the_old_generation() {
    if !root("a full file system") {
        return;
    }
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"old")]));
    machine.spec(json!({}));
    let big = [7_u8; 300_000];
    let other = Machine::new();
    for name in ["signer.key", "signer.key.pub", "host.key", "host.key.pub"] {
        std::fs::copy(machine.sandbox.path(name), other.sandbox.path(name)).unwrap();
    }
    other.bundle("b", &Bundle::of(2, &[("a", &big)]));
    let script = format!(
        "set -e; mkdir -p $R/run; mount -t tmpfs -o size=200k none $R/run; $A install --spec $R/spec.json --root $R; \
         cp {}/b/* $R/b/; set +e; $A install --spec $R/spec.json --root $R; code=$?; cat $R/run/pkeys/secrets/a; ls $R/run/pkeys.d; exit $code",
        other.root().display()
    );
    let ran = on_a_live_machine(&machine, &script);
    assert!(ran.status == 1 && ran.err.contains("no space left on the device"), "{ran:?}");
    assert!(ran.out.ends_with("old1\n"), "{ran:?}");
}

#[test]
fn ten_thousand_secrets_and_one_of_sixteen_mebibytes_are_installed() {
    let machine = Machine::new();
    let big: Vec<u8> = (0..16 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let names: Vec<String> = (0..10_000).map(|n| format!("s{n}")).collect();
    let mut secrets: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
    secrets.push(("big", &big));
    machine.bundle("b", &Bundle::of(1, &secrets));
    machine.spec(json!({}));
    let said = machine.install(&[]).good();
    assert!(said.contains("10001 secrets"), "{}", said.lines().last().unwrap_or_default());
    assert_eq!(machine.read("run/pkeys/secrets/big"), big);
    assert_eq!(machine.read("run/pkeys/secrets/s9999"), b"s9999");
    assert!(Path::new(&machine.root().join("run/pkeys/secrets/s0")).exists());
}
