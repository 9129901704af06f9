//! A machine under a directory, and bundles for it made with age, tar and ssh-keygen.

use crate::common::{Ran, Sandbox, activate_binary, run, run_command};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// What a bundle is made of.
pub struct Bundle<'a> {
    pub format: &'a str,
    /// Format 2 names it.
    pub fleet: Option<&'a str>,
    pub host: &'a str,
    pub generation: u64,
    pub secrets: Vec<(String, Vec<u8>)>,
    pub keys: Value,
    pub recipient: &'a str,
    pub signer: &'a str,
    pub namespace: &'a str,
    /// A shell line that makes the tar `$T` from `secrets/`.
    pub tar: Option<&'a str>,
    /// Instead of what age makes of that.
    pub payload: Option<&'a [u8]>,
}

impl Bundle<'_> {
    /// Of format 1, which names no fleet.
    pub fn of(generation: u64, secrets: &[(&str, &[u8])]) -> Self {
        Self {
            format: "pkeys-bundle/1",
            fleet: None,
            host: "web",
            generation,
            secrets: secrets.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect(),
            keys: json!({}),
            recipient: "host",
            signer: "signer",
            namespace: "pkeys-bundle",
            tar: None,
            payload: None,
        }
    }
}

impl<'a> Bundle<'a> {
    /// The same in format 2.
    pub fn in_fleet(self, fleet: &'a str) -> Self {
        Self { format: "pkeys-bundle/2", fleet: Some(fleet), ..self }
    }
}

/// A machine: its root directory, its host key, and keys of a trusted signer and of a stranger.
pub struct Machine {
    pub sandbox: Sandbox,
    signer: String,
}

impl Machine {
    pub fn new() -> Self {
        let sandbox = Sandbox::empty();
        let (_, signer) = sandbox.ssh_key("signer", "ed25519");
        let (host, _) = sandbox.ssh_key("host", "ed25519");
        sandbox.ssh_key("stranger", "ed25519");
        std::fs::create_dir_all(sandbox.path("root/etc")).unwrap();
        std::fs::copy(host, sandbox.path("root/etc/host.key")).unwrap();
        Self { sandbox, signer }
    }

    pub fn root(&self) -> PathBuf {
        self.sandbox.path("root")
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn generations(&self) -> usize {
        std::fs::read_dir(self.root().join("run/pkeys.d")).unwrap().count()
    }

    /// Makes a bundle at a place under the root.
    #[track_caller]
    pub fn bundle(&self, place: &str, bundle: &Bundle) {
        let work = tempfile::tempdir().unwrap();
        let secrets = work.path().join("secrets");
        std::fs::create_dir(&secrets).unwrap();
        for (name, bytes) in &bundle.secrets {
            std::fs::write(secrets.join(name), bytes).unwrap();
        }
        let make = format!("set -e; T={}/t; {}", work.path().display(), bundle.tar.unwrap_or("tar -cf $T secrets"));
        run_command(Command::new("sh").args(["-c", &make]).current_dir(work.path()), b"").good();
        let into = self.root().join(place);
        std::fs::create_dir_all(&into).unwrap();
        let payload = into.join("secrets.age");
        let recipient = self.sandbox.path(&format!("{}.key.pub", bundle.recipient));
        let tar = work.path().join("t");
        let arguments = ["-R", recipient.to_str().unwrap(), "-o", payload.to_str().unwrap(), tar.to_str().unwrap()];
        match bundle.payload {
            Some(bytes) => std::fs::write(&payload, bytes).unwrap(),
            None => drop(run("age", &arguments, b"").good()),
        }
        let sum = run("sha256sum", &[&payload], b"").good();
        let recipient = run("ssh-keygen", &["-lf", recipient.to_str().unwrap()], b"").good();
        let mut manifest = json!({
            "format": bundle.format,
            "host": bundle.host,
            "generation": bundle.generation,
            "created": "2026-11-23T00:00:00Z",
            "payload": { "sha256": sum.split(' ').next(), "size": std::fs::metadata(&payload).unwrap().len() },
            "recipients": [recipient.split(' ').nth(1)],
            "secrets": bundle.secrets.iter()
                .map(|(name, _)| json!({ "name": name, "reference": "age:x", "version": "1" })).collect::<Vec<_>>(),
            "authorized_keys": bundle.keys,
            "inputs": "by hand",
        });
        if let Some(fleet) = bundle.fleet {
            manifest["fleet"] = fleet.into();
        }
        let path = into.join("manifest.json");
        let _ = std::fs::remove_file(into.join("manifest.json.sig"));
        std::fs::write(&path, manifest.to_string()).unwrap();
        let key = self.sandbox.path(&format!("{}.key", bundle.signer));
        run(
            "ssh-keygen",
            &["-Y", "sign", "-q", "-f", key.to_str().unwrap(), "-n", bundle.namespace, path.to_str().unwrap()],
            b"",
        )
        .good();
    }

    /// Writes the spec: the usual one, with these fields over it.
    pub fn spec(&self, more: Value) {
        let mut spec = json!({
            "version": 1,
            "host": "web",
            "bundles": ["/b"],
            "identities": ["/etc/host.key"],
            "trustedSigners": [self.signer],
        });
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        std::fs::write(self.root().join("spec.json"), spec.to_string()).unwrap();
    }

    #[track_caller]
    pub fn activate(&self, arguments: &[&str]) -> Ran {
        run_command(self.sandbox.command_of(activate_binary()).args(arguments), b"")
    }

    /// `install` under the root.
    #[track_caller]
    pub fn install(&self, more: &[&str]) -> Ran {
        let (root, spec) = (self.root(), self.root().join("spec.json"));
        let arguments = ["install", "--spec", spec.to_str().unwrap(), "--root", root.to_str().unwrap()];
        self.activate(&[&arguments[..], more].concat())
    }
}
