//! `pkeys-activate receive` against senders that are hostile, silent or slow, and against other users of the host.

use crate::common::host::{Bundle, Machine};
use crate::common::{Ran, activate_binary, root, run_command};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

fn machine() -> Machine {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"one")]));
    machine.spec(json!({ "bundles": ["/b", "/var/lib/pkeys/bundle"] }));
    machine.install(&[]).good();
    machine.bundle("sent", &Bundle::of(2, &[("a", b"two")]));
    machine
}

fn receive(machine: &Machine, more: &[&str]) -> Command {
    let mut command = machine.sandbox.command_of(activate_binary());
    command.arg("receive").arg("--spec").arg(machine.root().join("spec.json")).arg("--root").arg(machine.root());
    command.args(more);
    command
}

fn tar(machine: &Machine, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("tar");
    let output = command.arg("-C").arg(machine.root().join("sent")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn answer(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
}

#[test]
fn whatever_is_sent_little_memory_is_used() {
    let machine = machine();
    // Sent as it is made: GNU's long name, its long link and a pax header that claim 3 GiB and hold as much as is taken,
    // each before a good bundle; then an archive that never ends.
    let activate = activate_binary();
    let script = r#"
import sys, threading
def header(kind, size):
    h = bytearray(512)
    h[0:13] = b"././@LongLink"
    h[100:108], h[108:116], h[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    h[124:136], h[136:148] = b"%011o\0" % size, b"00000000000\0"
    h[156:157], h[257:265] = kind, b"ustar  \0"
    h[148:156] = b"%06o\0 " % (sum(h) + 8 * 32)
    return bytes(h)
out, kind = sys.stdout.buffer, sys.argv[1].encode()
try:
    if kind == b"5":
        while True:
            out.write(header(kind, 0) * 2048)
    out.write(header(kind, 3 << 30))
    for _ in range(3 << 10):
        out.write(b"x" * (1 << 20))
    out.flush()
except BrokenPipeError:
    pass
"#;
    for kind in ["L", "K", "x", "g", "5", "0"] {
        // 400 MB, locked as its memory is, is far from 3 GiB, and more than a host needs.
        let lines = format!(
            "ulimit -v 400000; python3 -c \"$0\" {kind} 2>/dev/null | {activate} receive --spec {root}/spec.json --root {root}",
            root = machine.root().display()
        );
        let ran = run_command(machine.sandbox.command_of("bash").args(["-c", &lines, script]), b"");
        let said = answer(&ran);
        assert_eq!(said["accepted"], false, "{kind}: {said}");
        let why = said["error"].as_str().unwrap();
        assert!(why.contains("not one of a bundle's three files"), "{kind}: {why}");
    }
    run_command(&mut receive(&machine, &[]), &tar(&machine, &["-c", "."])).good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"two");
}

#[test]
fn every_tar_that_a_person_makes_is_taken() {
    let machine = machine();
    let all = ["manifest.json", "manifest.json.sig", "secrets.age"];
    let turned: Vec<&str> = all.iter().rev().copied().collect();
    let mut made = vec![tar(&machine, &[&["-c"], &turned[..]].concat())];
    for format in ["gnu", "oldgnu", "pax", "ustar", "v7"] {
        made.push(tar(&machine, &["-c", &format!("--format={format}"), "."]));
    }
    for (number, bytes) in made.iter().enumerate() {
        let said = answer(&run_command(&mut receive(&machine, &[]), bytes));
        assert_eq!(said["accepted"], true, "{number}: {said}");
    }
}

#[test]
fn an_untrusted_bundle_is_refused_before_its_payload_is_there() {
    let machine = machine();
    machine.bundle("sent", &Bundle { signer: "stranger", ..Bundle::of(2, &[("a", b"two")]) });
    let bytes = tar(&machine, &["-c", "manifest.json", "manifest.json.sig", "secrets.age"]);
    // All but the payload; the sender stays, and sends no more.
    let (end, mut sender) = UnixStream::pair().unwrap();
    let mut child = on_socket(&machine, end, &["--idle-limit", "1"]);
    let payload = bytes.chunks(512).position(|block| block.starts_with(b"secrets.age")).unwrap();
    sender.write_all(&bytes[..payload * 512]).unwrap();
    let mut out = String::new();
    sender.read_to_string(&mut out).unwrap();
    child.wait().unwrap();
    assert!(out.contains("which is not a trusted signer"), "{out}");
}

/// `receive` on a connection, as a socket unit of systemd with Accept=yes starts it.
fn on_socket(machine: &Machine, stream: UnixStream, more: &[&str]) -> Child {
    let fd = |stream: UnixStream| Stdio::from(std::os::fd::OwnedFd::from(stream));
    let input = fd(stream.try_clone().unwrap());
    receive(machine, more).stdin(input).stdout(fd(stream)).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn silent_connections_end_and_do_not_keep_a_push_out() {
    let machine = machine();
    let socket = machine.sandbox.path("socket");
    // systemd's own, with as many places as its socket unit had: four.
    let listener = UnixListener::bind(&socket).unwrap();
    let senders: Vec<_> = (0..4).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let silent: Vec<_> =
        senders.iter().map(|_| on_socket(&machine, listener.accept().unwrap().0, &["--idle-limit", "1"])).collect();
    // Two never send a byte, two stop in the middle; all stay connected.
    let bytes = tar(&machine, &["-c", "."]);
    for mut sender in &senders[2..] {
        sender.write_all(&bytes[..700]).unwrap();
    }
    for (mut sender, mut child) in senders.into_iter().zip(silent) {
        let mut out = String::new();
        sender.read_to_string(&mut out).unwrap();
        assert!(out.contains("the sender was silent for too long"), "{out}");
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
    let mut forward = machine.sandbox.command_of(activate_binary());
    forward.arg("forward").arg("--socket").arg(&socket);
    std::thread::scope(|scope| {
        scope.spawn(|| on_socket(&machine, listener.accept().unwrap().0, &[]).wait().unwrap());
        let ran = run_command(&mut forward, &bytes);
        assert_eq!(answer(&ran)["accepted"], true, "{ran:?}");
    });
}

#[test]
fn an_answer_that_comes_early_reaches_a_sender_that_stays() {
    let machine = machine();
    let socket = machine.sandbox.path("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut forward = machine.sandbox.command_of(activate_binary());
    forward.arg("forward").arg("--socket").arg(&socket).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut forward = forward.spawn().unwrap();
    // Its standard input stays open.
    let keep = forward.stdin.take().unwrap();
    on_socket(&machine, listener.accept().unwrap().0, &["--idle-limit", "1"]).wait().unwrap();
    let mut out = String::new();
    forward.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(out.contains("the sender was silent for too long"), "{out}");
    assert!(forward.wait().unwrap().success());
    drop(keep);
    // A connection that systemd closes at once, because all places are taken.
    let mut forward = machine.sandbox.command_of(activate_binary());
    forward.arg("forward").arg("--socket").arg(&socket);
    std::thread::scope(|scope| {
        scope.spawn(|| drop(listener.accept().unwrap()));
        run_command(&mut forward, b"x").bad("no answer from", "try again");
    });
}

#[test]
fn another_user_of_the_host_cannot_block_a_push() {
    if !root("another user") {
        return;
    }
    let machine = machine();
    // Everything on the way can be passed, as on a real host.
    for path in [machine.sandbox.path(""), machine.root()] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let places = ["var/lib/pkeys", "run", "run/pkeys.lock", "var/lib/pkeys/links.json", "var/lib/pkeys/fleet.json"];
    std::fs::create_dir_all(machine.root().join("var/lib/pkeys")).unwrap();
    let held: Vec<_> = places
        .iter()
        .map(|place| {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "flock"]).arg(machine.root().join(place));
            // It says so once it holds the lock, and holds it until its input ends.
            command.args(["sh", "-c", "echo held; cat"]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let mut said = [0; 5];
            let held = child.stdout.as_mut().unwrap().read_exact(&mut said).is_ok();
            (*place, held, child)
        })
        .collect();
    let open: Vec<_> = held.iter().filter(|(_, held, _)| *held).map(|(place, ..)| *place).collect();
    assert_eq!(open[..2], ["var/lib/pkeys", "run"], "directories can be opened and locked, files of root cannot");
    assert!(!open.contains(&"run/pkeys.lock"), "{open:?}");
    let bytes = tar(&machine, &["-c", "."]);
    let mut command = machine.sandbox.command_of("timeout");
    command.args(["60", activate_binary(), "receive", "--spec"]).arg(machine.root().join("spec.json"));
    let ran = run_command(command.arg("--root").arg(machine.root()), &bytes);
    assert_eq!(answer(&ran)["accepted"], true, "{ran:?}");
    for (_, _, mut child) in held {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
