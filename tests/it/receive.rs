//! `pkeys-activate receive`: what is pushed to a host. Sent with Debian's tar, as a person could do it by hand.

use crate::common::host::{Bundle, Machine};
use crate::common::{Ran, activate_binary, root, run_command};
use serde_json::{Value, json};

/// A machine whose system has generation 1; later ones are made at `sent`.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"one")]));
    machine.spec(json!({ "bundles": ["/b", "/var/lib/pkeys/bundle"], "secrets": { "a": { "path": "/etc/a" } } }));
    machine.install(&[]).good();
    machine
}

fn tar(machine: &Machine) -> Vec<u8> {
    let mut command = std::process::Command::new("tar");
    let output = command.arg("-C").arg(machine.root().join("sent")).args(["-c", "."]).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// Sends bytes; the answer must be one line of JSON.
#[track_caller]
fn send(machine: &Machine, bytes: &[u8], more: &[&str]) -> (Ran, Value) {
    let mut command = machine.sandbox.command_of(activate_binary());
    command.arg("receive").arg("--spec").arg(machine.root().join("spec.json")).arg("--root").arg(machine.root());
    let ran = run_command(command.args(more), bytes);
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    let answer = serde_json::from_str(&ran.out).unwrap();
    (ran, answer)
}

#[track_caller]
fn refused(machine: &Machine, bytes: &[u8], why: &str) {
    let (ran, answer) = send(machine, bytes, &[]);
    assert_eq!((ran.status, &answer["accepted"]), (1, &json!(false)), "{ran:?}");
    assert!(answer["error"].as_str().unwrap().contains(why), "{why}: {answer}");
    assert!(ran.err.contains("refused a pushed bundle"), "{ran:?}");
}

#[test]
fn a_newer_bundle_is_stored_and_installed() {
    let machine = machine();
    machine.bundle("sent", &Bundle::of(2, &[("a", b"two")]));
    let (ran, answer) = send(&machine, &tar(&machine), &[]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!((&answer["accepted"], &answer["generation"], &answer["previous"]), (&json!(true), &json!(2), &json!(1)));
    assert_eq!(answer["activation"]["changed"], json!(["secrets/a"]));
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"two");
    for file in ["manifest.json", "manifest.json.sig", "secrets.age"] {
        assert_eq!(machine.read(&format!("sent/{file}")), machine.read(&format!("var/lib/pkeys/bundle/{file}")));
    }
    // Again, and after the next boot: the same.
    let (_, answer) = send(&machine, &tar(&machine), &[]);
    assert_eq!((&answer["accepted"], &answer["previous"]), (&json!(true), &json!(2)));
    std::fs::remove_dir_all(machine.root().join("run")).unwrap();
    machine.install(&[]).good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"two");
}

#[test]
fn what_does_not_count_is_refused_and_nothing_is_stored() {
    let machine = machine();
    let stored = machine.root().join("var/lib/pkeys/bundle");
    let bundles = [
        ("the bundle of db", Bundle { host: "db", ..Bundle::of(2, &[("a", b"x")]) }),
        ("not a trusted signer", Bundle { signer: "stranger", ..Bundle::of(2, &[("a", b"x")]) }),
        ("no identity here can decrypt it", Bundle { recipient: "stranger", ..Bundle::of(2, &[("a", b"x")]) }),
        ("another bundle of generation 1", Bundle::of(1, &[("a", b"other")])),
    ];
    for (why, bundle) in bundles {
        machine.bundle("sent", &bundle);
        refused(&machine, &tar(&machine), why);
        assert!(!stored.exists(), "{why}");
    }
    machine.bundle("sent", &Bundle::of(2, &[("a", b"two")]));
    let good = tar(&machine);
    let signer = std::fs::read_to_string(machine.sandbox.path("signer.key.pub")).unwrap();
    let cut = (0..good.len()).step_by(997).map(|length| good[..length].to_vec());
    let flipped = (0..good.len()).step_by(211).map(|at| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bad
    });
    for bad in cut.chain(flipped) {
        let (_, answer) = send(&machine, &bad, &[]);
        // A bit of the tar's padding or of a date in it does not matter; what is stored is then the good bundle.
        if answer["accepted"] == json!(true) {
            machine
                .activate(&["verify", "--bundle", stored.to_str().unwrap(), "--host", "web", "--signer", &signer])
                .good();
            std::fs::remove_dir_all(&stored).unwrap();
            machine.install(&[]).good();
        } else {
            assert!(!stored.exists() && answer["error"].is_string(), "{answer}");
        }
    }
    std::fs::write(machine.root().join("sent/more"), "x").unwrap();
    refused(&machine, &tar(&machine), "not one of a bundle's three files");
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"one");
}

#[test]
fn an_older_bundle_comes_back_only_when_it_is_asked_for() {
    let machine = machine();
    machine.bundle("sent", &Bundle::of(3, &[("a", b"three")]));
    send(&machine, &tar(&machine), &[]);
    machine.bundle("sent", &Bundle::of(2, &[("a", b"two")]));
    refused(&machine, &tar(&machine), "the host has generation 3, and this is the older 2");
    let (ran, answer) = send(&machine, &tar(&machine), &["--allow-rollback"]);
    assert_eq!((ran.status, &answer["previous"]), (0, &json!(3)), "{ran:?}");
    assert!(ran.err.contains("rolled back from generation 3 to 2, as asked"), "{ran:?}");
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"two");
    // The system's own bundle would win: then nothing is stored.
    machine.bundle("b", &Bundle::of(7, &[("a", b"seven")]));
    let (_, answer) = send(&machine, &tar(&machine), &["--allow-rollback"]);
    assert!(answer["error"].as_str().unwrap().contains("the host's system has generation 7"), "{answer}");
}

/// The four entries that `pkeys push` sends, made with tar: the bundle, and the manifest that it replaces.
fn tar_that_replaces(machine: &Machine, replaces: &str) -> Vec<u8> {
    std::fs::write(machine.root().join("sent/replaces"), replaces).unwrap();
    let mut command = std::process::Command::new("tar");
    command.args(["--format=ustar", "-C"]).arg(machine.root().join("sent"));
    let output =
        command.args(["-c", "manifest.json", "manifest.json.sig", "replaces", "secrets.age"]).output().unwrap();
    std::fs::remove_file(machine.root().join("sent/replaces")).unwrap();
    output.stdout
}

#[test]
fn a_sender_that_saw_another_bundle_is_refused_whatever_its_generation() {
    let machine = machine();
    let digest = |path: &str| {
        let said = crate::common::run("sha256sum", &[machine.root().join(path).join("manifest.json")], b"").good();
        said.split(' ').next().unwrap().to_owned()
    };
    // One operator's push, made from what the host's system has.
    let first = digest("b");
    machine.bundle("sent", &Bundle::of(2, &[("a", b"two")]));
    refused(&machine, &tar_that_replaces(&machine, "none"), "the host has another bundle than the sender saw");
    let two = tar_that_replaces(&machine, &first);
    send(&machine, &two, &[]).0.good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"two");
    // The same again: whatever was seen, it is what the host has.
    assert_eq!(send(&machine, &two, &[]).1["accepted"], true);
    // Another operator's, later and of a higher generation, made from the same: it would take the first one's back.
    let second = digest("sent");
    machine.bundle("sent", &Bundle::of(3, &[("a", b"three")]));
    let late = tar_that_replaces(&machine, &first);
    refused(&machine, &late, "the host has another bundle than the sender saw");
    let (_, answer) = send(&machine, &late, &["--allow-rollback"]);
    assert_eq!((&answer["accepted"], &answer["previous"]), (&json!(false), &json!(2)), "{answer}");
    assert!(answer["hint"].as_str().unwrap().contains("git pull"), "{answer}");
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"two");
    send(&machine, &tar_that_replaces(&machine, &second), &[]).0.good();
    // One that does not say what it saw goes by generations alone.
    machine.bundle("sent", &Bundle::of(4, &[("a", b"four")]));
    send(&machine, &tar(&machine), &[]).0.good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"four");
    machine.bundle("sent", &Bundle::of(5, &[("a", b"five")]));
    refused(&machine, &tar_that_replaces(&machine, &first.to_uppercase()), "neither a SHA-256");
}

#[test]
fn a_host_that_does_not_look_there_says_so() {
    let machine = machine();
    machine.spec(json!({}));
    machine.bundle("sent", &Bundle::of(2, &[("a", b"two")]));
    refused(&machine, &tar(&machine), "does not look for bundles at /var/lib/pkeys/bundle");
    std::fs::write(machine.root().join("spec.json"), "{").unwrap();
    refused(&machine, b"", "the spec cannot be read");
}

#[test]
fn killed_at_every_step_the_stored_bundle_is_the_old_or_the_new_one() {
    let machine = machine();
    machine.bundle("sent", &Bundle::of(2, &[("a", b"two")]));
    send(&machine, &tar(&machine), &[]);
    machine.bundle("sent", &Bundle::of(3, &[("a", b"three")]));
    let bytes = tar(&machine);
    let saved = machine.sandbox.path("saved");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let _ = std::fs::remove_dir_all(to);
        run_command(std::process::Command::new("cp").arg("-a").args([from, to]), b"").good();
    };
    copy(&machine.root(), &saved);
    let mut kills = 0;
    for call in ["mkdirat", "openat", "write", "fchmod", "fsync", "renameat", "renameat2", "unlinkat", "flock"] {
        for number in 1..150 {
            copy(&saved, &machine.root());
            let mut command = machine.sandbox.command_of("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
            command.arg(format!("inject={call}:signal=KILL:when={number}"));
            command.args([activate_binary(), "receive", "--spec"]);
            command.arg(machine.root().join("spec.json")).arg("--root").arg(machine.root());
            let ran = run_command(&mut command, &bytes);
            // A boot now finds a whole bundle.
            let booted = machine.install(&[]);
            assert_eq!(booted.status, 0, "{call} {number}: {booted:?}");
            let value = machine.read("run/pkeys/secrets/a");
            assert!(value == b"two" || value == b"three", "{call} {number}");
            send(&machine, &bytes, &[]).0.good();
            assert_eq!(machine.read("run/pkeys/secrets/a"), b"three", "{call} {number}");
            let left = crate::common::files_below(&machine.root().join("var"));
            // The bundle, the ledger of links, what was installed.
            assert_eq!(left.len(), 5, "{call} {number}: {left:?}");
            if ran.status != 137 {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 30, "{kills}");
    println!("killed at {kills} calls, and survived");
}

#[test]
fn a_full_disk_keeps_the_old_bundle() {
    if !root("a full file system") {
        return;
    }
    let machine = machine();
    let big: Vec<u8> = (0..400_000_u32).map(|n| (n * 7) as u8).collect();
    machine.bundle("sent", &Bundle::of(2, &[("a", &big)]));
    std::fs::write(machine.sandbox.path("sent.tar"), tar(&machine)).unwrap();
    let script = "set -e; mkdir -p $R/var/lib/pkeys; mount -t tmpfs -o size=100k none $R/var/lib/pkeys; set +e; \
        $A receive --spec $R/spec.json --root $R < $R/../sent.tar; ls -A $R/var/lib/pkeys";
    let script = format!("A={}; R={}; {script}", activate_binary(), machine.root().display());
    let ran = run_command(machine.sandbox.command_of("unshare").args(["-m", "sh", "-c", &script]), b"");
    let (answer, left) = ran.out.split_once('\n').unwrap();
    assert!(answer.contains("no space left on the device"), "{ran:?}");
    assert_eq!(left, "", "nothing is left");
}

#[test]
fn a_login_that_may_only_push_reaches_it_through_a_socket() {
    let machine = machine();
    machine.bundle("sent", &Bundle::of(2, &[("a", b"two")]));
    let socket = machine.sandbox.path("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let bytes = tar(&machine);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // As a socket unit of systemd with Accept=yes does.
            let (stream, _) = listener.accept().unwrap();
            let mut command = machine.sandbox.command_of(activate_binary());
            command.arg("receive").arg("--spec").arg(machine.root().join("spec.json"));
            command.arg("--root").arg(machine.root());
            let (input, output) = (stream.try_clone().unwrap(), stream);
            let fd = |stream| std::process::Stdio::from(std::os::fd::OwnedFd::from(stream));
            command.stdin(fd(input)).stdout(fd(output)).status().unwrap();
        });
        let mut command = machine.sandbox.command_of(activate_binary());
        let ran = run_command(command.arg("forward").arg("--socket").arg(&socket), &bytes);
        let answer: Value = serde_json::from_str(&ran.good()).unwrap();
        assert_eq!(answer["accepted"], true, "{answer}");
    });
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"two");
}
