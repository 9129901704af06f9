//! The host's stories. The bundles are made by hand with age, tar and ssh-keygen: programs that we did not write.

use crate::common::host::{Bundle, Machine};
use crate::common::root;
use serde_json::json;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

#[test]
fn a_bundle_made_by_hand_is_installed_with_owners_and_modes() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("plain", b"1"), ("own.ed", b"\x00\xff\n"), (&"n".repeat(128), b"long")]));
    machine.spec(json!({ "secrets": { "own.ed": { "uid": 1234, "gid": 99, "mode": "0440", "path": "/etc/app/key", "symlinks": ["/srv/key"] } } }));
    assert!(machine.install(&[]).good().contains("installed generation 1"));
    assert_eq!(machine.read("run/pkeys/secrets/own.ed"), b"\x00\xff\n");
    assert_eq!(machine.read("run/pkeys/secrets/plain"), b"1");
    let stat = |path: &str| std::fs::metadata(machine.root().join(path)).unwrap();
    assert_eq!(stat("run/pkeys/secrets/own.ed").permissions().mode() & 0o7777, 0o440);
    assert_eq!(stat("run/pkeys/secrets/plain").permissions().mode() & 0o7777, 0o400);
    assert_eq!(stat("run/pkeys/").permissions().mode() & 0o7777, 0o751);
    if root("owners") {
        assert_eq!((stat("run/pkeys/secrets/own.ed").uid(), stat("run/pkeys/secrets/own.ed").gid()), (1234, 99));
        assert_eq!(stat("run/pkeys/secrets/plain").uid(), 0);
    }
    for link in ["etc/app/key", "srv/key"] {
        let target = std::fs::read_link(machine.root().join(link)).unwrap();
        assert_eq!(target.to_str(), Some("/run/pkeys/secrets/own.ed"));
    }
    let again = machine.install(&["--json"]).good();
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["status"], again["changed"].as_array().unwrap().len()), (&json!("done"), 0));
    assert_eq!(machine.generations(), 1, "old ones are removed");
}

#[test]
fn changes_are_named_and_units_queued_but_not_at_boot() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"1"), ("b", b"1"), ("c", b"1")]));
    let units = json!({ "secrets": {
        "a": { "restartUnits": ["a.service"], "reloadUnits": ["r.service"] }, "b": { "restartUnits": ["b.service"] } },
        "templates": { "t": { "content": "x=@pkeys:a@", "restartUnits": ["t.service"] } } });
    machine.spec(units);
    let install = |more: &[&str]| machine.install(&[&["--queue-units", "/run/nixos"], more].concat()).good();
    install(&[]);
    assert!(!machine.root().join("run/nixos").exists(), "nothing is restarted at boot");
    assert_eq!(machine.read("run/pkeys/templates/t"), b"x=1");

    machine.bundle("b", &Bundle::of(2, &[("a", b"2"), ("b", b"1"), ("d", b"1")]));
    let said = install(&["--dry-run"]);
    assert!(said.contains("would change: secrets/a templates/t") && said.contains("would add: secrets/d"), "{said}");
    assert!(said.contains("would remove: secrets/c"), "{said}");
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"1", "a dry run changes nothing");
    install(&[]);
    for list in ["dry-activation", "activation"] {
        assert_eq!(machine.read(&format!("run/nixos/{list}-restart-list")), b"a.service\nt.service\n");
        assert_eq!(machine.read(&format!("run/nixos/{list}-reload-list")), b"r.service\n");
    }
    assert!(!machine.root().join("run/pkeys/secrets/c").exists());
}

#[test]
fn removing_the_last_secret_removes_what_was_there() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"1")]));
    machine.spec(json!({ "secrets": { "a": { "path": "/etc/a", "symlinks": ["/srv/x/a"] } } }));
    machine.install(&[]).good();
    assert!(machine.root().join("srv/x/a").is_symlink());
    machine.bundle("b", &Bundle::of(2, &[]));
    machine.spec(json!({}));
    machine.install(&[]).good();
    for gone in ["etc/a", "srv/x/a", "run/pkeys/secrets/a"] {
        assert!(!machine.root().join(gone).is_symlink() && !machine.root().join(gone).exists(), "{gone}");
    }
    assert_eq!(machine.generations(), 1);
}

#[test]
fn one_bad_secret_is_set_apart_and_named() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("good", b"1"), ("ownerless", b"2"), ("blocked", b"3")]));
    std::fs::create_dir_all(machine.root().join("etc/dir/full")).unwrap();
    std::fs::write(machine.root().join("etc/file"), "theirs").unwrap();
    machine.spec(json!({ "secrets": {
        "good": { "path": "/etc/good" },
        "ownerless": { "owner": "no-such-user", "mode": "0440", "path": "/etc/ownerless" },
        "blocked": { "path": "/etc/dir", "symlinks": ["/etc/file"] },
        "missing": { "path": "/etc/missing" } },
        "templates": { "t": { "content": "@pkeys:missing@" }, "u": { "content": "@pkeys:good@" } } }));
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 4, "{ran:?}");
    for problem in [
        "secret ownerless: there is no user no-such-user",
        "secrets/blocked: at /etc/dir is a directory",
        "secrets/blocked: at /etc/file is a file",
        "secret missing: no bundle has it",
        "template t: the bundle has no secret missing",
    ] {
        assert!(ran.err.contains(&format!("problem: {problem}")), "{problem}: {}", ran.err);
    }
    assert_eq!(machine.read("run/pkeys/secrets/good"), b"1");
    assert_eq!(machine.read("run/pkeys/templates/u"), b"1");
    let ownerless = std::fs::metadata(machine.root().join("run/pkeys/secrets/ownerless")).unwrap();
    assert_eq!(
        (ownerless.permissions().mode() & 0o7777, ownerless.uid()),
        (0o400, rustix::process::geteuid().as_raw())
    );
    assert!(!machine.root().join("etc/ownerless").is_symlink());
    assert_eq!(machine.read("etc/file"), b"theirs");
}

#[test]
fn what_another_tool_left_is_taken_over_only_when_nothing_is_lost() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"same"), ("b", b"1"), ("c", b"1")]));
    let etc = machine.root().join("etc");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("a"), "same").unwrap();
    std::fs::write(etc.join("b"), "").unwrap();
    symlink("/run/secrets/c", etc.join("c")).unwrap();
    machine.spec(
        json!({ "secrets": { "a": { "path": "/etc/a" }, "b": { "path": "/etc/b" }, "c": { "path": "/etc/c" } } }),
    );
    machine.install(&[]).good();
    for name in ["a", "b", "c"] {
        assert_eq!(std::fs::read_link(etc.join(name)).unwrap().to_str(), Some(&*format!("/run/pkeys/secrets/{name}")));
    }
    // A link that somebody changed since is theirs.
    std::fs::remove_file(etc.join("a")).unwrap();
    symlink("/elsewhere", etc.join("a")).unwrap();
    machine.spec(json!({}));
    machine.install(&[]).good();
    assert_eq!(std::fs::read_link(etc.join("a")).unwrap().to_str(), Some("/elsewhere"));
    assert!(!etc.join("b").is_symlink());
}

/// Installs generation 1, then something bad: the old generation stays, the reason is one line.
fn refused(reason: &str, spoil: impl Fn(&Machine)) {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"old")]));
    machine.spec(json!({}));
    machine.install(&[]).good();
    spoil(&machine);
    let ran = machine.install(&[]);
    assert_ne!(ran.status, 0, "{reason}: {ran:?}");
    let line = ran.err.lines().find(|line| line.starts_with("rejected: ") && line.contains(reason));
    assert!(line.is_some(), "no line with {reason:?} in\n{}", ran.err);
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"old", "{reason}");
}

#[test]
fn bundles_that_do_not_count_are_refused_and_the_old_generation_stays() {
    let new = || Bundle::of(2, &[("a", b"new")]);
    refused("it is the bundle of other, not of web", |m| m.bundle("b", &Bundle { host: "other", ..new() }));
    refused("which is not a trusted signer", |m| m.bundle("b", &Bundle { signer: "stranger", ..new() }));
    refused("was made for something else", |m| m.bundle("b", &Bundle { namespace: "git", ..new() }));
    refused("has a format that is neither pkeys-bundle/1 nor pkeys-bundle/2", |m| {
        m.bundle("b", &Bundle { format: "pkeys-bundle/3", ..new() })
    });
    refused("no identity here can decrypt it: sealed to", |m| {
        m.bundle("b", &Bundle { recipient: "stranger", ..new() })
    });
    refused("there is no bundle", |m| std::fs::remove_dir_all(m.root().join("b")).unwrap());
    refused("has no secrets.age", |m| std::fs::remove_file(m.root().join("b/secrets.age")).unwrap());
    refused("secrets.age is larger than", |m| {
        let file = std::fs::OpenOptions::new().write(true).open(m.root().join("b/secrets.age")).unwrap();
        file.set_len(64 * 1024 * 1024 + 1).unwrap();
    });
    refused("there is no identity at", |m| {
        m.bundle("b", &new());
        std::fs::remove_file(m.root().join("etc/host.key")).unwrap();
    });
}

#[test]
fn archives_that_reach_elsewhere_are_refused() {
    for (reason, tar) in [
        ("is not named secrets/NAME", "tar -cf $T --transform 's,secrets/a,secrets/../a,' -P secrets/a"),
        ("is not named secrets/NAME", "tar -cf $T --transform 's,^,/,' -P secrets/a"),
        ("is not named secrets/NAME", "mkdir secrets/d; cp secrets/a secrets/d/a; tar -cf $T secrets/d/a"),
        ("is not a regular file", "ln -s /etc/passwd secrets/l; tar -cf $T secrets"),
        ("is not a regular file", "ln secrets/a secrets/h; tar -cf $T secrets/a secrets/h"),
        ("is not a regular file", "mkfifo secrets/p; tar -cf $T secrets"),
        ("is not a regular file", "mknod secrets/n c 1 3 2>/dev/null || mkfifo secrets/n; tar -cf $T secrets"),
        ("has the name of an earlier one", "tar -cf $T secrets/a; tar -rf $T secrets/a"),
        ("is not named secrets/NAME", "cp secrets/a secrets/$(printf 'n%.0s' $(seq 129)); tar -cf $T secrets"),
        ("are not those that manifest.json lists", "cp secrets/a secrets/more; tar -cf $T secrets"),
        ("are not those that manifest.json lists", "tar -cf $T --files-from /dev/null"),
        ("is not a tar archive", "head -c 1000 /dev/urandom > $T"),
    ] {
        refused(reason, |m| m.bundle("b", &Bundle { tar: Some(tar), ..Bundle::of(2, &[("a", b"new")]) }));
    }
}

#[test]
fn tars_of_every_common_format_are_read() {
    for format in ["gnu", "ustar", "pax", "v7", "oldgnu"] {
        let machine = Machine::new();
        let tar = format!("tar --format={format} -cf $T secrets");
        machine.bundle("b", &Bundle { tar: Some(&tar), ..Bundle::of(1, &[("a", b"1")]) });
        machine.spec(json!({}));
        machine.install(&[]).good();
        assert_eq!(machine.read("run/pkeys/secrets/a"), b"1", "{format}");
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"1")]));
    machine.spec(json!({}));
    machine.install(&[]).good();
    machine.bundle("b", &Bundle::of(2, &[("a", b"2")]));
    for name in ["manifest.json", "manifest.json.sig", "secrets.age"] {
        let path = machine.root().join("b").join(name);
        let good = std::fs::read(&path).unwrap();
        for place in (0..good.len()).step_by(good.len() / 60 + 1) {
            for bit in [1, 0x80] {
                let mut bad = good.clone();
                bad[place] ^= bit;
                std::fs::write(&path, bad).unwrap();
                let ran = machine.install(&[]);
                assert!(ran.status == 1 || ran.status == 3, "{name} byte {place}: {ran:?}");
                assert_eq!(machine.read("run/pkeys/secrets/a"), b"1", "{name} byte {place}");
            }
        }
        std::fs::write(&path, good).unwrap();
    }
    machine.install(&[]).good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"2");
}

#[test]
fn the_highest_generation_that_counts_and_decrypts_wins() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(3, &[("a", b"closure")]));
    machine.bundle("c", &Bundle::of(5, &[("a", b"pushed")]));
    machine.spec(json!({ "bundles": ["/b", "/c", "/none"] }));
    machine.install(&[]).good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"pushed");
    machine.bundle("c", &Bundle { recipient: "stranger", ..Bundle::of(6, &[("a", b"sealed to another")]) });
    let ran = machine.install(&[]);
    assert!(ran.err.contains("rejected: /c: no identity here"), "{ran:?}");
    assert_eq!(ran.status, 0);
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"closure");
}

#[test]
fn keys_are_authorized_even_when_nothing_can_be_decrypted() {
    let machine = Machine::new();
    let keys = |key: &'static str| json!({ "ann": [key], "bob": [] });
    let sealed_away =
        |generation, key| Bundle { recipient: "stranger", keys: keys(key), ..Bundle::of(generation, &[("a", b"x")]) };
    machine.bundle("b", &sealed_away(1, "ssh-ed25519 AAAA one"));
    machine.spec(json!({ "secrets": { "a": { "path": "/etc/a" } } }));
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert_eq!(machine.read("run/pkeys/authorized_keys/ann"), b"ssh-ed25519 AAAA one\n");
    assert_eq!(machine.read("run/pkeys/authorized_keys/bob"), b"");

    machine.bundle("b", &Bundle { keys: keys("ssh-ed25519 AAAA two"), ..Bundle::of(2, &[("a", b"kept")]) });
    machine.install(&[]).good();
    machine.bundle("b", &sealed_away(3, "ssh-ed25519 AAAA three"));
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert_eq!(machine.read("run/pkeys/authorized_keys/ann"), b"ssh-ed25519 AAAA three\n");
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"kept", "the secrets of before are carried over");
    assert!(machine.root().join("etc/a").is_symlink(), "and so are their links");
    let mode = std::fs::metadata(machine.root().join("run/pkeys/authorized_keys/ann")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
}

#[test]
fn secrets_for_users_are_kept_apart() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("hash", b"1"), ("late", b"2")]));
    machine.spec(json!({ "secrets": { "hash": { "phase": "users" } } }));
    machine.install(&["--phase", "users"]).good();
    assert_eq!(machine.read("run/pkeys-for-users/secrets/hash"), b"1");
    assert!(!machine.root().join("run/pkeys-for-users/secrets/late").exists());
    machine.install(&[]).good();
    assert_eq!(machine.read("run/pkeys/secrets/late"), b"2");
    assert!(!machine.root().join("run/pkeys/secrets/hash").exists());
}

#[test]
fn what_is_where_run_pkeys_belongs_is_handled() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"1")]));
    machine.spec(json!({}));
    let place = machine.root().join("run/pkeys");
    std::fs::create_dir_all(machine.root().join("run")).unwrap();
    std::fs::write(&place, "a file").unwrap();
    machine.install(&[]).good();
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    assert!(machine.install(&[]).err.contains("/run/pkeys was an empty directory; it is replaced"));
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("theirs"), "kept").unwrap();
    let ran = machine.install(&[]);
    assert!(ran.err.contains("it is at /run/pkeys.replaced-1 now"), "{ran:?}");
    assert_eq!(ran.status, 0);
    assert_eq!(machine.read("run/pkeys.replaced-1/theirs"), b"kept");
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"1");
}

#[test]
fn two_at_once_wait_for_each_other() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"1"), ("b", b"2")]));
    machine.spec(json!({ "secrets": { "a": { "path": "/etc/a" } } }));
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| machine.install(&[]).good())).collect();
        runs.into_iter().for_each(|run| drop(run.join().unwrap()));
    });
    assert_eq!(machine.generations(), 1);
    assert_eq!(machine.read("run/pkeys/secrets/b"), b"2");
}

#[test]
fn what_pkeys_renders_pkeys_activate_installs_and_specs_are_checked() {
    let sandbox = crate::common::Sandbox::new();
    let key = sandbox.host("web", &[]);
    sandbox.secret("a", b"from the operator", &["web"]);
    sandbox.pkeys(&["render"]).good();
    let machine = Machine::new();
    let public = std::fs::read_to_string(sandbox.path("config/signing-key.pub")).unwrap();
    std::fs::copy(&key, machine.root().join("etc/host.key")).unwrap();
    let copy = |name: &str| {
        std::fs::create_dir_all(machine.root().join("b")).unwrap();
        std::fs::copy(sandbox.repo().join("bundles/web").join(name), machine.root().join("b").join(name)).unwrap();
    };
    ["manifest.json", "manifest.json.sig", "secrets.age"].into_iter().for_each(copy);
    machine.spec(json!({ "trustedSigners": [public.trim()] }));
    machine.install(&[]).good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"from the operator");

    let bundle = machine.root().join("b");
    let bundle = bundle.to_str().unwrap();
    let verify = machine.activate(&["verify", "--bundle", bundle, "--host", "web", "--signer", public.trim()]).good();
    assert!(verify.starts_with("valid: generation ") && verify.contains(" of web, signed by SHA256:"), "{verify}");
    machine
        .activate(&["verify", "--bundle", bundle, "--host", "db", "--signer", public.trim()])
        .bad("the bundle of web", "bundles/HOST");
    assert!(machine.activate(&["list", "--bundle", bundle]).good().contains("a\tage:a\t1-"));
    let spec = machine.root().join("spec.json");
    machine.activate(&["check-spec", spec.to_str().unwrap()]).good();
    machine.spec(json!({ "trustedSigners": [] }));
    machine.activate(&["check-spec", spec.to_str().unwrap()]).bad("names no trusted signer", "pkeys.trustedSigners");
    assert_eq!(machine.activate(&["install"]).status, 2);
}

#[test]
fn a_new_ssh_host_key_goes_where_sshd_reads_it() {
    let machine = Machine::new();
    let scratch = tempfile::tempdir().unwrap();
    let make = |name: &str, kind: &str| {
        let path = scratch.path().join(name);
        crate::common::run(
            "ssh-keygen",
            &["-q", "-t", kind, "-N", "", "-C", "root@web", "-f", path.to_str().unwrap()],
            b"",
        )
        .good();
        (std::fs::read(&path).unwrap(), std::fs::read(path.with_extension("pub")).unwrap())
    };
    let (new, public) = make("new", "ed25519");
    let settings = json!({ "hostKey": { "path": "/etc/ssh/host_key", "reloadUnits": ["sshd.service"] } });
    machine.bundle("b", &Bundle::of(1, &[("a", b"1")]));
    machine.spec(settings.clone());
    machine.install(&[]).good();
    assert!(!machine.root().join("etc/ssh/host_key").exists());

    machine.bundle("b", &Bundle::of(2, &[("a", b"1"), ("ssh-host-key", &new)]));
    machine.spec(json!({}));
    machine.install(&[]).good();
    assert!(!machine.root().join("etc/ssh/host_key").exists(), "a host that is not told where takes none");
    machine.bundle("b", &Bundle::of(3, &[("a", b"1")]));
    machine.install(&[]).good();
    machine.bundle("b", &Bundle::of(4, &[("a", b"1"), ("ssh-host-key", &new)]));
    machine.spec(settings);
    let install = |more: &[&str]| machine.install(&[&["--queue-units", "/run/nixos"], more].concat());
    install(&["--dry-run"]).good();
    assert!(!machine.root().join("etc/ssh/host_key").exists(), "a dry run changes nothing");
    install(&[]).good();
    assert_eq!(machine.read("etc/ssh/host_key"), new);
    assert_eq!(machine.read("etc/ssh/host_key.pub"), public);
    let mode = |path: &str| std::fs::metadata(machine.root().join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("etc/ssh/host_key"), mode("etc/ssh/host_key.pub")), (0o600, 0o644));
    assert_eq!(machine.read("run/nixos/activation-reload-list"), b"sshd.service\n");
    let inode = |path: &str| std::fs::metadata(machine.root().join(path)).unwrap().ino();
    let before = inode("etc/ssh/host_key");
    install(&[]).good();
    assert_eq!(inode("etc/ssh/host_key"), before, "it is left alone");

    // What is no such key, and a place that is no file: named, and the host keeps its key.
    let (rsa, _) = make("rsa", "rsa");
    for (generation, bad) in [(5, &b"hunter2"[..]), (6, &rsa)] {
        machine.bundle("b", &Bundle::of(generation, &[("ssh-host-key", bad)]));
        let ran = machine.install(&[]);
        assert!(ran.status == 4 && ran.err.contains("the new SSH host key: it is no Ed25519 private key"), "{ran:?}");
        assert!(!ran.err.contains("hunter2"));
        assert_eq!(machine.read("etc/ssh/host_key"), new);
    }
    std::fs::remove_file(machine.root().join("etc/ssh/host_key")).unwrap();
    symlink("/persist/key", machine.root().join("etc/ssh/host_key")).unwrap();
    machine.bundle("b", &Bundle::of(7, &[("ssh-host-key", &new)]));
    let ran = machine.install(&[]);
    assert!(ran.status == 4 && ran.err.contains("/etc/ssh/host_key is no ordinary file"), "{ran:?}");
    assert!(machine.root().join("etc/ssh/host_key").is_symlink());
}
