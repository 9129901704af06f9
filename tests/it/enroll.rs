//! Enrolling a running host, with a real sshd; the keyring, with the kernel's.

use crate::common::sshd::Sshd;
use crate::common::{Sandbox, run_command};

#[test]
fn a_running_host_is_scanned_and_its_key_confirmed() {
    if !crate::common::root("a real sshd") {
        return;
    }
    let sandbox = Sandbox::new();
    let (key, public) = sandbox.ssh_key("sshd", "ed25519");
    let sshd = Sshd::start(&sandbox.path("."), &key, &[]);
    let address = format!("127.0.0.1:{}", sshd.port);
    let before = sandbox.snapshot();
    let asked = sandbox.pkeys(&["host", "add", "web", "--scan", &address]);
    assert_eq!(asked.status, 1);
    let fingerprint =
        asked.err.lines().find_map(|l| l.split("--fingerprint ").nth(1)).expect("a hint names it").to_owned();
    let theirs = crate::common::run("ssh-keygen", &["-lf", key.to_str().unwrap()], b"").good();
    assert!(theirs.contains(&fingerprint), "{theirs}");
    let wrong = ["host", "add", "web", "--scan", &address, "--fingerprint", "SHA256:AAAA"];
    sandbox.pkeys(&wrong).bad("showed another key", "ssh-keygen -lf");
    let no = sandbox.pkeys_typing(&["host", "add", "web", "--scan", &address], &["n"]);
    assert!(no.status == 1 && no.out.contains("was not confirmed"), "{no:?}");
    assert_eq!(sandbox.snapshot(), before);

    let yes = sandbox.pkeys_typing(&["host", "add", "web", "--scan", &address], &["y"]);
    assert_eq!(yes.status, 0, "{yes:?}");
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let bare = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
    assert!(text.contains(&bare) && text.contains(&format!("address = \"{address}\"")), "{text}");
    sandbox.pkeys(&["host", "add", "db", "--scan", &address, "--fingerprint", &fingerprint]).good();
    drop(sshd);
    sandbox
        .pkeys(&["host", "add", "x", "--scan", &address])
        .bad("showed no Ed25519 or RSA host key", "is sshd running");
}

#[test]
fn passphrases_are_remembered_in_the_keyring_when_asked() {
    let sandbox = Sandbox::empty();
    sandbox.pkeys_typing(&["init", "--name", "ann"], &["one", "one", "two", "two"]);
    sandbox.secret("a", b"1", &[]);
    // A session keyring of its own, so that nothing is left behind.
    let typing = |more: &str, typed: &str| {
        let script = format!("{}; {more}", crate::common::pkeys_binary().to_owned() + " --remember secret show a");
        let line = format!("unset PKEYS_NO_KEYRING; {script}");
        let mut command = sandbox.command_of("script");
        command.args(["-qec", &line, "/dev/null"]);
        run_command(&mut command, typed.as_bytes())
    };
    let again = format!(
        "setsid {} secret show a </dev/null; setsid {} secret show a | cat",
        crate::common::pkeys_binary(),
        crate::common::pkeys_binary()
    );
    let ran = typing(&again, "one\n");
    if ran.out.contains("cannot remember the passphrase") {
        eprintln!("skipped: the keyring (there is none here)");
        return;
    }
    assert_eq!(ran.out.matches("Passphrase for").count(), 1, "{ran:?}");
}
