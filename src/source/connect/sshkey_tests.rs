//! Tests of `sshkey`, with keys made on the fly by `openssl` and `ssh-keygen`, judged by `ssh-keygen`.

use super::*;
use crate::base::files;
use std::path::Path;
use std::process::Command;

fn run(program: &str, arguments: &[&str], at: &Path) -> Vec<u8> {
    let done = Command::new(program).args(arguments).current_dir(at).output().expect(program);
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// The public key that `ssh-keygen` sees in a private key, without the comment.
fn public(private: &[u8], at: &Path) -> String {
    files::write(&at.join("converted"), private, files::PRIVATE).unwrap();
    let line = String::from_utf8(run("ssh-keygen", &["-y", "-P", "", "-f", "converted"], at)).unwrap();
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn pem(label: &str, der: &[u8]) -> String {
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).unwrap()
}

#[test]
fn an_ed25519_key_of_openssl_becomes_one_of_openssh() {
    let top = tempfile::tempdir().unwrap();
    let text = run("openssl", &["genpkey", "-algorithm", "ed25519"], top.path());
    let plain = to_openssh(&text).unwrap();
    assert!(plain.expose().starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----\n"));

    files::write(&top.path().join("key.pem"), &text, files::PRIVATE).unwrap();
    let der = run("openssl", &["pkey", "-in", "key.pem", "-pubout", "-outform", "DER"], top.path());
    let key = ssh_key::public::Ed25519PublicKey(der[12..].try_into().unwrap());
    let expected = ssh_key::PublicKey::from(key).to_openssh().unwrap();
    assert_eq!(public(plain.expose(), top.path()), expected.trim());
}

#[test]
fn the_form_that_1password_writes_is_read() {
    let top = tempfile::tempdir().unwrap();
    let text = run("openssl", &["genpkey", "-algorithm", "ed25519"], top.path());
    let (_, version_1) = der::pem::decode_vec(&text).unwrap();
    let seed: [u8; 32] = version_1[16..48].try_into().unwrap();
    let pair = Ed25519Keypair::from_seed(&seed);

    let mut version_2 =
        vec![0x30, 0x53, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    version_2.extend(seed);
    version_2.extend([0xa1, 0x23, 0x03, 0x21, 0x00]);
    version_2.extend(pair.public.0);
    let odd = pem("PRIVATE KEY", &version_2);

    let converted = to_openssh(odd.as_bytes()).unwrap();
    assert_eq!(converted, to_openssh(&text).unwrap(), "the same key in both forms is the same text");
    let expected = ssh_key::PublicKey::from(pair.public).to_openssh().unwrap();
    assert_eq!(public(converted.expose(), top.path()), expected.trim());
}

#[test]
fn rsa_keys_are_converted_from_both_forms() {
    let top = tempfile::tempdir().unwrap();
    run("ssh-keygen", &["-q", "-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "", "-f", "key"], top.path());
    let pkcs8 = files::read(&top.path().join("key"), 1 << 16).unwrap().unwrap();
    let expected = public(&pkcs8, top.path());
    let pkcs1 = run("openssl", &["rsa", "-in", "key", "-traditional"], top.path());
    assert!(pkcs1.starts_with(b"-----BEGIN RSA PRIVATE KEY-----"));
    for text in [pkcs8, pkcs1] {
        assert_eq!(public(to_openssh(&text).unwrap().expose(), top.path()), expected);
    }
}

#[test]
fn openssh_text_stays_as_it_is() {
    let top = tempfile::tempdir().unwrap();
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", "key"], top.path());
    let text = files::read(&top.path().join("key"), 1 << 16).unwrap().unwrap();
    assert_eq!(to_openssh(&text).unwrap().expose(), text);
}

#[test]
fn broken_lines_do_not_matter() {
    let top = tempfile::tempdir().unwrap();
    let text = String::from_utf8(run("openssl", &["genpkey", "-algorithm", "ed25519"], top.path())).unwrap();
    let windows = format!("\n{}  ", text.replace('\n', "\r\n"));
    assert_eq!(to_openssh(windows.as_bytes()).unwrap(), to_openssh(text.as_bytes()).unwrap());
}

#[test]
fn what_is_no_key_is_refused_without_repeating_it() {
    let top = tempfile::tempdir().unwrap();
    let curve = run("openssl", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], top.path());
    assert_eq!(to_openssh(&curve).unwrap_err().message(), "the private key is of a kind that cannot be converted");
    let locked = to_openssh(pem("ENCRYPTED PRIVATE KEY", b"x").as_bytes()).unwrap_err();
    assert_eq!(locked.message(), "the private key is locked with a passphrase");
    let cut = pem("PRIVATE KEY", &[0x30, 0x53, 0x02]);
    let shallow = pem("PRIVATE KEY", &[0x30, 0x07, 0x02, 0x01, 0x00, 0x30, 0x02, 0x06, 0x00]);
    for text in [
        "hunter2",
        "",
        "-----BEGIN PRIVATE KEY-----",
        &cut,
        &shallow,
        "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----",
    ] {
        let error = to_openssh(text.as_bytes()).unwrap_err();
        assert_eq!(error.message(), "the field's value is not a private key that could be read", "{text}");
    }
}
