//! The host on its worst days: hostile users, a full file system, a real ramfs.

use crate::common::host::{Bundle, Machine};
use crate::common::{Ran, activate_binary, root, run_command};
use serde_json::json;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Stops the swapper, also when the test fails: the scope waits for it.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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
        let end = Stop(&stop);
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
        drop(end);
        assert!(swapper.join().unwrap() > 1000, "the swapper really swapped");
    });
}

#[test]
fn a_directory_that_a_user_swaps_for_our_link_is_never_removed() {
    let Some(machine) = with_a_users_directory() else { return };
    let home = machine.root().join("home/u");
    let theirs = home.join("theirs");
    std::fs::create_dir_all(theirs.join("deep")).unwrap();
    std::fs::write(theirs.join("deep/file"), "precious").unwrap();
    let precious = || {
        let read = |name: &str| std::fs::read(home.join(name).join("deep/file"));
        let found = (0..1000).find_map(|_| read("theirs").or_else(|_| read("link")).ok());
        assert_eq!(found.as_deref(), Some(&b"precious"[..]));
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let end = Stop(&stop);
        let swapper = scope.spawn(|| {
            let mut swaps = 0;
            while !stop.load(Ordering::Relaxed) {
                let (one, other) = (home.join("link"), home.join("theirs"));
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                swaps +=
                    usize::from(rustix::fs::renameat_with(rustix::fs::CWD, one, rustix::fs::CWD, other, flags).is_ok());
            }
            swaps
        });
        for _ in 0..100 {
            machine.spec(json!({ "secrets": { "a": { "path": "/home/u/link" } } }));
            let _ = machine.install(&[]);
            precious();
            machine.spec(json!({}));
            let _ = machine.install(&[]);
            precious();
        }
        drop(end);
        assert!(swapper.join().unwrap() > 1000, "the swapper really swapped");
    });
    precious();
}

/// Runs a shell script in a mount namespace of its own, in which `/run` and `/var/lib` are empty.
fn on_a_live_machine(machine: &Machine, script: &str) -> Ran {
    let start = "set -e; mount -t tmpfs none /run; mount -t tmpfs none /var/lib; set +e";
    let activate = activate_binary();
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
