//! What the host's program shows: nothing that steers the terminal, no key of a command line, and nothing of a paste is left.

use crate::common::host::{Bundle, Machine};
use crate::common::{Ran, activate_binary, run};
use serde_json::json;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::Duration;

/// Moves the cursor, turns text around, hides it, and begins a line of its own.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\u{200f}\u{7}\u{7f}\rok\u{2028}";
const STEERS: [char; 10] =
    ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{200f}', '\u{7}', '\u{7f}', '\r', '\u{2028}'];

#[track_caller]
fn is_plain(ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        assert!(!text.contains(STEERS), "{text:?}");
    }
}

/// With a host's bundle whose public half has hostile text.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"1")]));
    let file = machine.root().join("b/manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for field in ["reference", "version"] {
        manifest["secrets"][0][field] = HOSTILE.into();
    }
    manifest["created"] = HOSTILE.into();
    std::fs::write(&file, manifest.to_string()).unwrap();
    machine
}

#[test]
fn hostile_bundles_specs_and_arguments_do_not_steer_the_terminal() {
    let machine = machine();
    machine.spec(json!({ "bundles": [format!("/{HOSTILE}"), "/b"], "stateDirectory": format!("/{HOSTILE}/state") }));
    let (root, spec) = (machine.root(), machine.root().join("spec.json"));
    let (root, spec) = (root.to_str().unwrap(), spec.to_str().unwrap());
    let bundle = format!("{root}/b");
    let key = std::fs::read_to_string(machine.sandbox.path("signer.key.pub")).unwrap();
    let mut seen = String::new();
    for arguments in [
        &["list", "--bundle", &bundle][..],
        &["list", "--bundle", HOSTILE],
        &["verify", "--bundle", &bundle, "--host", "web", "--signer", key.trim()],
        &["verify", "--bundle", &bundle, "--host", HOSTILE, "--signer", key.trim()],
        &["verify", "--bundle", &bundle, "--host", "web", "--signer", HOSTILE],
        &["check-spec", HOSTILE],
        &["make-identity", &format!("/proc/{HOSTILE}/key")],
        &["install", "--spec", spec, "--root", root],
        &["install", "--spec", spec, "--root", root, "--json"],
        &["install", "--spec", spec, "--root", root, "--phase", HOSTILE],
        &["install", "--spec", spec, "--root", root, "--identity", HOSTILE],
        &["report", "--spec", spec, "--root", root],
        &["receive", "--spec", spec, "--root", root],
        &["receive", "--spec", spec, "--root", root, "--idle-limit", HOSTILE],
        &["forward", "--socket", HOSTILE],
        &[HOSTILE],
        &["list", HOSTILE],
        &[&format!("--{HOSTILE}")],
    ] {
        let ran = machine.activate(arguments);
        is_plain(&ran);
        seen += &format!("{}{}", ran.out, ran.err);
    }
    assert!(seen.matches("\\u001b[2J").count() > 5, "{seen}");
}

#[test]
fn what_a_socket_answers_does_not_steer_the_terminal_and_has_an_end() {
    let machine = Machine::new();
    let socket = machine.sandbox.path("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let sender = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(format!("{HOSTILE}\n").as_bytes()).unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let forward = || machine.activate(&["forward", "--socket", socket.to_str().unwrap()]);
    let ran = forward();
    is_plain(&ran);
    assert!(ran.out.contains("\\u001b[2J") && ran.status == 0, "{ran:?}");
    let ran = forward();
    assert!(ran.status == 1 && ran.out.is_empty() && ran.err.contains("larger than 16777216 bytes"), "{ran:?}");
    sender.join().unwrap();
}

#[test]
fn a_private_key_as_an_argument_is_not_repeated() {
    let machine = Machine::new();
    machine.spec(json!({}));
    let pem = std::fs::read_to_string(machine.sandbox.path("host.key")).unwrap();
    let body: Vec<_> = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let age = run("age-keygen", &[] as &[&str], b"").good();
    let age = age.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let (root, spec) = (machine.root(), machine.root().join("spec.json"));
    let (root, spec) = (root.to_str().unwrap(), spec.to_str().unwrap());
    for secret in [pem.as_str(), pem.trim(), age] {
        for arguments in [
            &[secret][..],
            &["install", secret],
            &["install", "--spec", spec, "--root", root, "--identity", secret],
            &["install", "--spec", spec, "--root", root, "--identity", secret, "--json"],
            &["install", "--spec", secret],
            &["install", "--spec", secret, "--json"],
            &["install", "--spec", spec, "--phase", secret],
            &["install", "--queue-units", secret],
            &["receive", "--spec", secret],
            &["receive", "--idle-limit", secret],
            &["report", "--spec", secret],
            &["forward", "--socket", secret],
            &["check-spec", secret],
            &["make-identity", &format!("/proc/{secret}")],
            &["verify", "--bundle", secret, "--host", "web", "--signer", secret],
            &["verify", "--bundle", "/x", "--host", secret, "--signer", "x"],
            &["verify", "--bundle", root, "--host", "web", "--signer", secret],
            &["list", "--bundle", secret],
            &["list", "--nothing", secret],
            &[&format!("--identity={secret}")],
        ] {
            let ran = machine.activate(arguments);
            assert_ne!(ran.status, 0, "{arguments:?}");
            let said = ran.out + &ran.err;
            let leaks = body.iter().any(|line| said.contains(line)) || said.contains(age);
            assert!(!leaks, "{arguments:?}: {said}");
        }
    }
    let said = machine.activate(&["install", age]).err;
    assert!(said.contains("looks like a secret"), "{said}");
    assert!(machine.activate(&["--help"]).good().contains("make-identity"));
}

#[test]
fn a_key_file_that_is_pasted_at_the_console_is_refused_and_none_of_it_reaches_the_shell() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle::of(1, &[("a", b"1")]));
    machine.spec(json!({}));
    let file = run("age-keygen", &[] as &[&str], b"").good();
    let key = file.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let rest = machine.sandbox.path("rest");
    let (root, spec) = (machine.root(), machine.root().join("spec.json"));
    let install = format!(
        "TERM=dumb {} install --spec {} --root {} --identity -; echo; timeout 1 cat > {}; echo done",
        activate_binary(),
        spec.display(),
        root.display(),
        rest.display()
    );
    let pasted = |text: &str| {
        let mut command = machine.sandbox.command_of("script");
        command.args(["-qec", &install, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("tests/run installs it");
        let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !String::from_utf8_lossy(&seen).contains("not shown)") && screen.read(&mut byte).is_ok_and(|n| n == 1) {
            seen.push(byte[0]);
        }
        std::thread::sleep(Duration::from_millis(400));
        keyboard.write_all(text.as_bytes()).unwrap();
        let _ = screen.read_to_end(&mut seen);
        drop(keyboard);
        child.wait().unwrap();
        String::from_utf8_lossy(&seen).into_owned()
    };
    for text in [file.clone(), format!("# public key\n{key}\n"), format!("{key}\ntouch evil\n")] {
        let seen = pasted(&text);
        assert!(seen.contains("several lines were pasted") && seen.contains("done"), "{seen}");
        assert!(!seen.contains(key) && !seen.contains("evil"), "{seen}");
        assert_eq!(std::fs::read_to_string(&rest).unwrap(), "");
    }
    // One line is taken.
    let seen = pasted(&format!("{key}\n"));
    assert!(!seen.contains("several lines") && seen.contains("done") && !seen.contains(key), "{seen}");
}
