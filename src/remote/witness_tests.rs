use super::*;
use crate::bundle::Recipient;
use crate::remote::target::Target;
use rsa::signature::Signer;
use ssh_encoding::Encode;
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;
use std::process::{Command, Stdio};

const SESSION: &[u8] = b"0123456789abcdef0123456789abcdef";

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

fn bind(host: &PrivateKey, session: &[u8], signed: &[u8], forwarding: bool) -> Vec<u8> {
    let mut body = vec![27];
    "session-bind@openssh.com".encode(&mut body).unwrap();
    host.public_key().to_bytes().unwrap().encode(&mut body).unwrap();
    session.encode(&mut body).unwrap();
    host.try_sign(signed).unwrap().encode_prefixed(&mut body).unwrap();
    body.push(u8::from(forwarding));
    body
}

fn sign(key: &PrivateKey, session: &[u8], user: &str) -> Vec<u8> {
    let blob = key.public_key().to_bytes().unwrap();
    let mut data = Vec::new();
    session.encode(&mut data).unwrap();
    data.push(50);
    for text in [user, "ssh-connection", "publickey"] {
        text.encode(&mut data).unwrap();
    }
    data.push(1);
    "ssh-ed25519".encode(&mut data).unwrap();
    blob.encode(&mut data).unwrap();
    let mut body = vec![13];
    blob.encode(&mut body).unwrap();
    data.encode(&mut body).unwrap();
    body.extend([0; 4]);
    body
}

/// Sends messages to an agent with user key 2 for `ann`, on a host whose key is 1; `foreign` is another process.
/// Returns what each answer was, and what was seen.
fn talk(messages: &[Vec<u8>], foreign: bool) -> (Vec<u8>, Witnessed) {
    let directory = tempfile::tempdir().unwrap();
    let (socket, log) = (directory.path().join("agent"), directory.path().join("log"));
    crate::base::files::write(&log, b"0123456", crate::base::files::PRIVATE).unwrap();
    let host: Recipient = key(1).public_key().to_openssh().unwrap().parse().unwrap();
    let target = Target::new("web", &[host]);
    let private = key(2).to_openssh(ssh_key::LineEnding::LF).unwrap();
    let private = crate::base::SecretBytes::copy_of(private.as_bytes());
    let user_key = LoginKey::pair(&key(2).public_key().to_openssh().unwrap(), &private).unwrap();
    let witness =
        Witness::new(Role::Key { key: &user_key, user: "ann", algorithm: "ssh-ed25519" }, &target.keys, &log, &|| None);
    let listener = UnixListener::bind(&socket).unwrap();
    let (stop, stopped) = UnixStream::pair().unwrap();
    let pid = if foreign { 1 } else { std::process::id() };
    let answers = std::thread::scope(|scope| {
        scope.spawn(|| witness.serve(&listener, &stopped, pid));
        let mut stream = UnixStream::connect(&socket).unwrap();
        let ask = |body: &Vec<u8>| {
            wire::write(&mut stream, body).unwrap();
            wire::read(&mut stream).unwrap()[0]
        };
        let answers = messages.iter().map(ask).collect();
        drop(stop);
        answers
    });
    (answers, witness.seen())
}

#[test]
fn a_login_is_signed_once_the_host_has_proven_its_key() {
    let (answers, seen) =
        talk(&[bind(&key(1), SESSION, SESSION, false), vec![11], sign(&key(2), SESSION, "ann")], false);
    assert_eq!(answers, [6, 12, 14]);
    assert!(seen.accepted && !seen.rejected && !seen.silent);
    assert_eq!(seen.bound.unwrap().1, 7, "the log is read from there on");
}

#[test]
fn nothing_is_signed_or_seen_without_that() {
    let good = bind(&key(1), SESSION, SESSION, false);
    let login = sign(&key(2), SESSION, "ann");
    for (what, first) in [
        ("another host", bind(&key(3), SESSION, SESSION, false)),
        ("a signature of another session", bind(&key(1), SESSION, b"another", false)),
        ("an empty session", bind(&key(1), b"", b"", false)),
        ("a forwarded agent", bind(&key(1), SESSION, SESSION, true)),
        ("a message that is cut off", good[..good.len() - 1].to_vec()),
        ("one that goes on", [&good[..], &[0]].concat()),
        ("no host", vec![11]),
    ] {
        let (answers, seen) = talk(&[first, login.clone()], false);
        assert_eq!(answers[1], 5, "{what}");
        assert!(seen.bound.is_none() && !seen.accepted, "{what}");
    }
    // Two sessions: which one the log is about is not known.
    let (answers, seen) = talk(&[good.clone(), good.clone(), login], false);
    assert_eq!(answers, [6, 5, 5]);
    assert!(seen.bound.is_none() && seen.rejected);
}

#[test]
fn only_this_login_is_signed() {
    let good = bind(&key(1), SESSION, SESSION, false);
    for (what, request) in [
        ("another user", sign(&key(2), SESSION, "root")),
        ("another session", sign(&key(2), b"another", "ann")),
        ("another key", sign(&key(4), SESSION, "ann")),
    ] {
        let (answers, seen) = talk(&[good.clone(), request], false);
        assert_eq!((answers, seen.accepted), (vec![6, 5], false), "{what}");
    }
    let (answers, seen) = talk(&[good, sign(&key(2), SESSION, "ann")], true);
    assert_eq!(answers, [5, 5], "another process");
    assert!(seen.bound.is_none() && !seen.accepted);
}

#[test]
fn the_ssh_of_a_jump_host_reaches_the_operators_own_agent() {
    let directory = tempfile::tempdir().unwrap();
    let (socket, own, file) =
        (directory.path().join("agent"), directory.path().join("own"), directory.path().join("key"));
    let mut agent = Command::new("ssh-agent");
    let mut agent = agent.arg("-D").arg("-a").arg(&own).stdout(Stdio::null()).spawn().unwrap();
    while UnixStream::connect(&own).is_err() {
        std::thread::yield_now();
    }
    let private = key(5).to_openssh(ssh_key::LineEnding::LF).unwrap();
    crate::base::files::write(&file, private.as_bytes(), crate::base::files::PRIVATE).unwrap();
    let add = Command::new("ssh-add").arg("-q").arg(&file).env("SSH_AUTH_SOCK", &own).status().unwrap();
    let target = Target::new("web", &[]);
    let operator = || Some(own.clone());
    let witness = Witness::new(Role::Look, &target.keys, &file, &operator);
    let listener = UnixListener::bind(&socket).unwrap();
    let (stop, stopped) = UnixStream::pair().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(|| witness.serve(&listener, &stopped, 1));
        let output = Command::new("ssh-add").arg("-L").env("SSH_AUTH_SOCK", &socket).output().unwrap();
        drop(stop);
        output
    });
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(add.success() && witness.seen().bound.is_none());
    let line = key(5).public_key().to_openssh().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(&line));
}

#[test]
fn it_ends_although_its_directory_is_gone_and_somebody_is_still_connected() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent");
    let target = Target::new("web", &[]);
    let witness = Witness::new(Role::Look, &target.keys, &socket, &|| None);
    let listener = UnixListener::bind(&socket).unwrap();
    let (stop, stopped) = UnixStream::pair().unwrap();
    let left = UnixStream::connect(&socket).unwrap();
    drop(directory);
    std::thread::scope(|scope| {
        scope.spawn(|| witness.serve(&listener, &stopped, 1));
        drop(stop);
    });
    drop(left);
}
