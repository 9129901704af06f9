//! A bundle is only standard formats: programs that we did not write open it and check it.

use crate::common::{Sandbox, activate_binary, run};

/// A repository with one rendered host, and the host's private key.
fn rendered(sandbox: &Sandbox) -> std::path::PathBuf {
    let key = sandbox.host("web", &[]);
    sandbox.secret("token", b"hunter2 \x00\xff\n", &["web"]);
    sandbox.secret(&"n".repeat(128), b"long name", &["web"]);
    sandbox.pkeys(&["render"]).good();
    key
}

#[test]
fn age_rage_and_tar_open_what_pkeys_sealed() {
    let sandbox = Sandbox::new();
    let key = rendered(&sandbox);
    let payload = sandbox.repo().join("bundles/web/secrets.age");
    let tar = sandbox.path("payload.tar");
    for program in ["age", "rage"] {
        let arguments = ["-d", "-i", key.to_str().unwrap(), "-o", tar.to_str().unwrap(), payload.to_str().unwrap()];
        run(program, &arguments, b"").good();
        let listed = run("tar", &["-tvf", tar.to_str().unwrap()], b"").good();
        assert!(listed.contains("secrets/token") && listed.contains(&"n".repeat(128)), "{listed}");
        let token = std::process::Command::new("tar").args(["-xOf"]).arg(&tar).arg("secrets/token").output().unwrap();
        assert_eq!(token.stdout, b"hunter2 \x00\xff\n");
        std::fs::remove_file(&tar).unwrap();
    }
}

#[test]
fn ssh_keygen_and_sha256sum_verify_what_pkeys_signed() {
    let sandbox = Sandbox::new();
    rendered(&sandbox);
    let bundle = sandbox.repo().join("bundles/web");
    let public = std::fs::read_to_string(sandbox.path("config/signing-key.pub")).unwrap();
    let allowed = sandbox.path("allowed");
    std::fs::write(&allowed, format!("ann {public}")).unwrap();
    let manifest = std::fs::read(bundle.join("manifest.json")).unwrap();
    let signature = bundle.join("manifest.json.sig");
    let verify = |namespace: &str, bytes: &[u8]| {
        let arguments = ["-Y", "verify", "-f", allowed.to_str().unwrap(), "-I", "ann", "-n", namespace, "-s"];
        run("ssh-keygen", &[&arguments[..], &[signature.to_str().unwrap()]].concat(), bytes).status
    };
    assert_eq!(verify("pkeys-bundle", &manifest), 0);
    assert_ne!(verify("git", &manifest), 0);
    assert_ne!(verify("pkeys-bundle", &[&manifest[..], b" "].concat()), 0);

    let json: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let sum = run("sha256sum", &[bundle.join("secrets.age")], b"").good();
    assert_eq!(sum.split(' ').next(), json["payload"]["sha256"].as_str());
    let size = std::fs::metadata(bundle.join("secrets.age")).unwrap().len();
    assert_eq!(json["payload"]["size"], size);
}

#[test]
fn keys_of_every_kind_that_ssh_keygen_makes_sign() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let sandbox = Sandbox::empty();
        let (private, _) = sandbox.ssh_key("signer", kind);
        let path = private.to_str().unwrap();
        sandbox.pkeys(&["init", "--no-passphrase", "--signing-key", path]).good();
        sandbox.host("web", &[]);
        sandbox.pkeys(&["render"]).good();
        sandbox.pkeys(&["verify"]).good();
        let allowed = sandbox.path("allowed");
        std::fs::write(&allowed, format!("ann {}", std::fs::read_to_string(sandbox.path("signer.key.pub")).unwrap()))
            .unwrap();
        let signature = sandbox.repo().join("bundles/web/manifest.json.sig");
        let arguments = [
            "-Y",
            "verify",
            "-f",
            allowed.to_str().unwrap(),
            "-I",
            "ann",
            "-n",
            "pkeys-bundle",
            "-s",
            signature.to_str().unwrap(),
        ];
        run("ssh-keygen", &arguments, &sandbox.read("bundles/web/manifest.json")).good();
    }
}

/// `pkeys-activate verify` of a bundle, with the signer that `ssh-keygen -Y sign` just signed it with.
fn verified(sandbox: &Sandbox, bundle: &std::path::Path, signer: &str) -> crate::common::Ran {
    let signer = std::fs::read_to_string(sandbox.path(&format!("{signer}.key.pub"))).unwrap();
    let mut command = sandbox.command_of(activate_binary());
    command.args(["verify", "--host", "web", "--signer", &signer, "--bundle"]).arg(bundle);
    crate::common::run_command(&mut command, b"")
}

fn sign(sandbox: &Sandbox, bundle: &std::path::Path, signer: &str) {
    let (key, manifest) = (sandbox.path(&format!("{signer}.key")), bundle.join("manifest.json"));
    std::fs::remove_file(bundle.join("manifest.json.sig")).unwrap();
    let paths = [key.to_str().unwrap(), manifest.to_str().unwrap()];
    run("ssh-keygen", &["-Y", "sign", "-q", "-n", "pkeys-bundle", "-f", paths[0], paths[1]], b"").good();
}

#[test]
fn both_forms_of_an_ecdsa_signature_that_ssh_keygen_makes_are_valid() {
    let sandbox = Sandbox::new();
    rendered(&sandbox);
    sandbox.ssh_key("curve", "ecdsa");
    let bundle = sandbox.repo().join("bundles/web");
    // With s or n-s, as it happens: OpenSSH makes either, so neither can be refused.
    for _ in 0..16 {
        sign(&sandbox, &bundle, "curve");
        verified(&sandbox, &bundle, "curve").good();
    }
}

#[test]
fn a_signature_of_another_version_is_refused() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let sandbox = Sandbox::new();
    rendered(&sandbox);
    sandbox.ssh_key("signer", "ed25519");
    let bundle = sandbox.repo().join("bundles/web");
    sign(&sandbox, &bundle, "signer");
    verified(&sandbox, &bundle, "signer").good();
    let path = bundle.join("manifest.json.sig");
    let armor = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = armor.lines().collect();
    let bytes = BASE64_STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
    assert_eq!(bytes[..10], *b"SSHSIG\x00\x00\x00\x01");
    // The version is not part of what is signed.
    for version in [0, 2] {
        let text = BASE64_STANDARD.encode([&bytes[..9], &[version], &bytes[10..]].concat());
        let text: Vec<_> = text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let whole = [&lines[..1], &text[..], &lines[lines.len() - 1..]].concat().join("\n");
        std::fs::write(&path, whole + "\n").unwrap();
        let ran = verified(&sandbox, &bundle, "signer");
        assert!(ran.status == 1 && ran.err.contains("manifest.json.sig "), "{version}: {ran:?}");
    }
}

#[test]
fn local_secrets_open_with_age_and_secrets_made_with_age_are_read() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("mine", b"made by pkeys", &["web"]);
    let identity = sandbox.path("config/identity.txt");
    let file = sandbox.repo().join("secrets/mine.age");
    let open = |program| run(program, &["-d", "-i", identity.to_str().unwrap(), file.to_str().unwrap()], b"").good();
    assert_eq!(open("age"), "made by pkeys");
    assert_eq!(open("rage"), "made by pkeys");

    let recipient = std::fs::read_to_string(sandbox.path("config/identity.pub")).unwrap();
    for (program, armor) in [("age", true), ("age", false), ("rage", true), ("rage", false)] {
        let mut arguments = vec!["-r", recipient.trim(), "-o", file.to_str().unwrap()];
        arguments.extend(armor.then_some("-a"));
        std::fs::remove_file(&file).unwrap();
        run(program, &arguments, b"made by hand").good();
        sandbox.accept();
        assert_eq!(sandbox.pkeys(&["secret", "show", "mine"]).good(), "made by hand", "{program} {armor}");
    }
}

#[test]
fn ssh_keys_open_local_secrets_too() {
    for kind in ["ed25519", "rsa"] {
        let sandbox = Sandbox::empty();
        let (private, _) = sandbox.ssh_key("me", kind);
        sandbox.pkeys(&["init", "--no-passphrase", "--identity", private.to_str().unwrap()]).good();
        sandbox.secret("mine", b"value", &[]);
        let file = sandbox.repo().join("secrets/mine.age");
        let opened = run("age", &["-d", "-i", private.to_str().unwrap(), file.to_str().unwrap()], b"").good();
        assert_eq!(opened, "value");
        assert_eq!(sandbox.pkeys(&["secret", "show", "mine"]).good(), "value");
    }
}
