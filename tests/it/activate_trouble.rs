//! Trouble around an activation: half a bundle, no place to remember, nobody who listens, odd masks, dry runs.

use crate::common::host::{Bundle, Machine};
use crate::common::{activate_binary, files_below, root, run_command};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

/// A machine with the secret `a` wanted at `/etc/a`, not yet activated.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.bundle("b", &Bundle { keys: json!({ "ann": ["ssh-ed25519 AAAA"] }), ..Bundle::of(1, &[("a", b"1")]) });
    machine.spec(json!({ "secrets": { "a": { "path": "/etc/a" } } }));
    machine
}

#[test]
fn keys_are_authorized_when_the_encrypted_half_is_missing_or_too_large() {
    for spoil in [
        |payload: &std::path::Path| std::fs::remove_file(payload).unwrap(),
        |payload: &std::path::Path| std::fs::File::create(payload).unwrap().set_len(65 * 1024 * 1024).unwrap(),
        |payload: &std::path::Path| {
            std::fs::remove_file(payload).unwrap();
            std::fs::create_dir(payload).unwrap();
        },
    ] {
        let machine = machine();
        spoil(&machine.root().join("b/secrets.age"));
        let ran = machine.install(&[]);
        assert_eq!(ran.status, 3, "{ran:?}");
        assert!(ran.err.contains("rejected: /b: ") && ran.err.contains("secrets.age"), "{ran:?}");
        assert_eq!(machine.read("run/pkeys/authorized_keys/ann"), b"ssh-ed25519 AAAA\n");
    }
}

#[test]
fn without_a_state_directory_links_are_made_all_the_same() {
    let machine = machine();
    std::fs::create_dir_all(machine.root().join("var/lib")).unwrap();
    std::fs::write(machine.root().join("var/lib/pkeys"), "a file").unwrap();
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 4, "{ran:?}");
    assert!(ran.err.contains("which links were made cannot be remembered: /var/lib/pkeys"), "{ran:?}");
    assert!(machine.root().join("etc/a").is_symlink());
    assert_eq!(machine.read("var/lib/pkeys"), b"a file");
}

#[test]
fn a_damaged_ledger_is_kept_aside_and_named_once() {
    let machine = machine();
    machine.install(&[]).good();
    let ledger = machine.root().join("var/lib/pkeys/links.json");
    std::fs::write(&ledger, "[ \"/etc").unwrap();
    assert_eq!(machine.install(&["--dry-run"]).status, 4);
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 4, "{ran:?}");
    assert!(ran.err.contains("links.json is damaged (it is kept as links.json.damaged"), "{ran:?}");
    assert_eq!(machine.read("var/lib/pkeys/links.json.damaged"), b"[ \"/etc");
    machine.install(&[]).good();
    machine.spec(json!({}));
    machine.install(&[]).good();
    assert!(!machine.root().join("etc/a").is_symlink(), "the new ledger knows the link");
}

#[test]
fn a_link_that_cannot_be_removed_is_not_forgotten() {
    if !root("a file that cannot be removed") {
        return;
    }
    let machine = machine();
    machine.install(&[]).good();
    let fixed = |flag: &str| {
        run_command(
            std::process::Command::new("chattr").args([flag, machine.root().join("etc").to_str().unwrap()]),
            b"",
        )
    };
    if fixed("+i").status != 0 {
        println!("skipped: this file system has no immutable directories");
        return;
    }
    machine.spec(json!({}));
    let ran = machine.install(&[]);
    fixed("-i").good();
    assert_eq!(ran.status, 4, "{ran:?}");
    assert!(ran.err.contains("cannot remove the link /etc/a"), "{ran:?}");
    machine.install(&[]).good();
    assert!(!machine.root().join("etc/a").is_symlink());
}

#[test]
fn a_dry_run_says_what_a_real_one_would_and_changes_nothing() {
    let machine = machine();
    std::fs::create_dir_all(machine.root().join("etc/a")).unwrap();
    std::fs::create_dir_all(machine.root().join("var/lib/pkeys/.pkeys-tmp-bundle-0123456789abcdef")).unwrap();
    let before = files_below(&machine.root());
    let dry = machine.install(&["--dry-run"]);
    assert_eq!(dry.status, 4, "{dry:?}");
    assert!(
        dry.err.contains("at /etc/a is a directory") && dry.out.contains("would install, with 1 set apart"),
        "{dry:?}"
    );
    assert!(machine.root().join("var/lib/pkeys/.pkeys-tmp-bundle-0123456789abcdef").is_dir());
    assert_eq!(files_below(&machine.root()), before);
    let real = machine.install(&[]);
    assert_eq!((real.status, &real.err), (4, &dry.err));
    assert!(
        machine.root().join("var/lib/pkeys/.pkeys-tmp-bundle-0123456789abcdef").is_dir(),
        "what `receive` is about to finish is not ours to sweep"
    );
}

#[test]
fn directories_on_the_way_are_open_whatever_the_mask() {
    let machine = machine();
    machine.spec(json!({ "secrets": { "a": { "path": "/srv/deep/er/a" } } }));
    let spec = machine.root().join("spec.json");
    let script = "umask 077; exec \"$0\" install --spec \"$1\" --root \"$2\"";
    let activate = activate_binary();
    let mut command = machine.sandbox.command_of("sh");
    command.args(["-c", script, activate]).arg(spec).arg(machine.root());
    run_command(&mut command, b"").good();
    for made in ["srv", "srv/deep", "srv/deep/er", "var/lib/pkeys"] {
        let mode = std::fs::metadata(machine.root().join(made)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{made}");
    }
}

#[test]
fn it_does_its_work_when_nobody_listens() {
    let machine = machine();
    let run = |out: Stdio, err: Stdio| {
        let mut command = machine.sandbox.command_of(activate_binary());
        command.args(["install", "--spec"]).arg(machine.root().join("spec.json")).arg("--root").arg(machine.root());
        command.stdout(out).stderr(err).status().unwrap().code()
    };
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let closed = || {
        let (read, write) = std::io::pipe().unwrap();
        drop(read);
        Stdio::from(write)
    };
    assert_eq!(run(full(), full()), Some(0));
    assert_eq!(run(closed(), closed()), Some(0));
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"1");
}

#[test]
fn json_is_one_object_also_when_the_spec_is_bad() {
    let machine = machine();
    machine.spec(json!({ "trustedSigners": [] }));
    let ran = machine.install(&["--json"]);
    assert_eq!(ran.status, 1);
    let outcome: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(outcome["status"], "failed");
    assert!(outcome["problems"][0].as_str().unwrap().contains("names no trusted signer"), "{outcome}");
}

#[test]
fn a_list_of_a_bundle_that_nobody_verified_writes_no_control_characters() {
    let machine = machine();
    let manifest = machine.root().join("b/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("age:x", "age:\\u001b]0;owned\\u0007");
    std::fs::write(&manifest, text).unwrap();
    let ran = machine.activate(&["list", "--bundle", machine.root().join("b").to_str().unwrap()]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(!ran.out.contains('\u{1b}') && ran.err.contains("control character"), "{ran:?}");
}

#[test]
fn bundles_and_identities_are_read_inside_the_root() {
    let machine = machine();
    let other = self::machine();
    other.bundle("b", &Bundle::of(9, &[("a", b"outside")]));
    // Seen from the running system these links lead to the other machine's files, or nowhere.
    std::fs::create_dir_all(machine.root().join("persist")).unwrap();
    std::fs::rename(machine.root().join("b"), machine.root().join("persist/b")).unwrap();
    std::fs::rename(machine.root().join("etc/host.key"), machine.root().join("persist/host.key")).unwrap();
    symlink("/persist/b", machine.root().join("b")).unwrap();
    symlink("/../../persist/host.key", machine.root().join("etc/host.key")).unwrap();
    machine.install(&[]).good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"1");
}

#[test]
fn a_link_below_a_directory_that_a_user_owns_is_not_followed() {
    if !root("a directory that another user owns") {
        return;
    }
    let machine = machine();
    std::fs::create_dir_all(machine.root().join("home/u/roots")).unwrap();
    std::fs::create_dir_all(machine.root().join("victim")).unwrap();
    std::os::unix::fs::chown(machine.root().join("home/u"), Some(1000), Some(1000)).unwrap();
    symlink("/victim", machine.root().join("home/u/roots/link")).unwrap();
    machine.spec(json!({ "secrets": { "a": { "path": "/home/u/roots/link/a" } } }));
    let ran = machine.install(&[]);
    assert!(ran.status == 4 && ran.err.contains("goes through a link that others could change"), "{ran:?}");
    assert_eq!(std::fs::read_dir(machine.root().join("victim")).unwrap().count(), 0);
}

#[test]
fn a_kernel_without_landlock_is_named_and_gets_its_secrets() {
    let machine = machine();
    let spec = machine.root().join("spec.json");
    let mut command = machine.sandbox.command_of("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=landlock_create_ruleset"]);
    command.args(["-e", "inject=landlock_create_ruleset:error=ENOSYS", activate_binary(), "install"]);
    let ran = run_command(command.arg("--spec").arg(spec).arg("--root").arg(machine.root()), b"");
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("note: not confined beyond its unit: this kernel has no Landlock"), "{ran:?}");
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"1");
}

#[test]
fn units_that_could_not_be_queued_are_queued_by_the_next_activation() {
    let machine = machine();
    machine.spec(json!({ "secrets": { "a": { "restartUnits": ["app.service"] } } }));
    let install = || machine.install(&["--queue-units", "/run/nixos"]);
    install().good();
    machine.bundle("b", &Bundle::of(2, &[("a", b"2")]));
    std::fs::write(machine.root().join("run/nixos"), "in the way").unwrap();
    let ran = install();
    assert!(ran.status == 4 && ran.err.contains("units to restart or reload: "), "{ran:?}");
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"2", "the secret is there all the same");
    let (root, spec) = (machine.root(), machine.root().join("spec.json"));
    let place = ["report", "--spec", spec.to_str().unwrap(), "--root", root.to_str().unwrap()];
    let report = || machine.activate(&place).good();
    assert!(report().contains("not restarted or reloaded since their secrets changed: app.service"), "{}", report());

    std::fs::remove_file(machine.root().join("run/nixos")).unwrap();
    install().good();
    assert_eq!(machine.read("run/nixos/activation-restart-list"), b"app.service\n");
    assert!(!report().contains("app.service"), "{}", report());
}
