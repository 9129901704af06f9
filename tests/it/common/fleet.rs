//! Hosts as real `sshd` servers on the loopback, each under a root directory of its own, with `pkeys-activate receive`
//! as the forced command of the login that may push.

use crate::common::sshd::{Sshd, free_port};
use crate::common::{Ran, Sandbox, activate_binary, run_command};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// One host.
pub struct Server {
    pub name: String,
    pub port: u16,
    pub sshd: Option<Sshd>,
}

/// An operator's sandbox and the hosts that it knows.
pub struct Fleet {
    pub sandbox: Sandbox,
    pub servers: Vec<Server>,
    /// Where the operator's program keeps files in memory.
    pub memory: tempfile::TempDir,
}

impl Fleet {
    /// Hosts of these names, registered with address and recipient, with a login of the operator that may push.
    pub fn new(names: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.ssh_key("push", "ed25519");
        let memory = tempfile::tempdir_in("/dev/shm").expect("there is memory for files");
        let mut fleet = Self { sandbox, servers: Vec::new(), memory };
        for name in names {
            let key = fleet.sandbox.host(name, &["--address", &format!("root@{name}")]);
            let root = fleet.root(name);
            std::fs::create_dir_all(root.join("etc")).unwrap();
            std::fs::copy(key, root.join("etc/host.key")).unwrap();
            fleet.servers.push(Server { name: (*name).to_owned(), port: free_port(), sshd: None });
            fleet.spec(name, json!({}));
            fleet.allow(name, "");
        }
        fleet.write_config();
        names.iter().for_each(|name| fleet.start(name));
        fleet
    }

    /// The directory that is `/` for a host's pkeys-activate.
    pub fn root(&self, name: &str) -> PathBuf {
        self.sandbox.path(&format!("hosts/{name}"))
    }

    pub fn read(&self, name: &str, path: &str) -> Vec<u8> {
        std::fs::read(self.root(name).join(path)).unwrap_or_else(|e| panic!("{name}:{path}: {e}"))
    }

    /// Writes a host's spec: the usual one, with these fields over it.
    pub fn spec(&self, name: &str, more: Value) {
        let signer = std::fs::read_to_string(self.sandbox.path("config/signing-key.pub")).unwrap();
        let mut spec = json!({
            "version": 1, "fleet": self.sandbox.fleet_id(), "host": name, "bundles": ["/closure", "/var/lib/pkeys/bundle"],
            "identities": ["/etc/host.key"], "trustedSigners": [signer.trim()],
        });
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        std::fs::write(self.root(name).join("spec.json"), spec.to_string()).unwrap();
    }

    /// What the operator's push login may do on a host: `receive` with these options.
    pub fn allow(&self, name: &str, options: &str) {
        let (root, key) = (self.root(name), std::fs::read_to_string(self.sandbox.path("push.key.pub")).unwrap());
        let command = format!(
            "{} receive --spec {root}/spec.json --root {root} {options}",
            activate_binary(),
            root = root.display()
        );
        std::fs::write(root.join("push_keys"), format!("restrict,command=\"{command}\" {key}")).unwrap();
    }

    fn write_config(&self) {
        let mut config = String::new();
        for server in &self.servers {
            config += &format!("Host {}\n  HostName 127.0.0.1\n  Port {}\n", server.name, server.port);
        }
        config += &format!(
            "Host *\n  User root\n  IdentitiesOnly yes\n  IdentityAgent none\n  IdentityFile {}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n",
            self.sandbox.path("push.key").display()
        );
        std::fs::write(self.sandbox.path("ssh_config"), config).unwrap();
    }

    pub fn start(&mut self, name: &str) {
        let root = self.root(name);
        let server = self.servers.iter_mut().find(|server| server.name == name).unwrap();
        let keys = format!("AuthorizedKeysFile={0}/push_keys {0}/run/pkeys/authorized_keys/%u", root.display());
        let settings =
            ["StrictModes=no", "PermitRootLogin=yes", "PasswordAuthentication=no", "MaxStartups=1000", &keys];
        server.sshd = Some(Sshd::on(server.port, &root, &root.join("etc/host.key"), &settings));
    }

    pub fn stop(&mut self, name: &str) {
        self.servers.iter_mut().find(|server| server.name == name).unwrap().sshd = None;
    }

    /// The operator's program, with the fleet's ssh configuration.
    pub fn command(&self) -> Command {
        let mut command = self.sandbox.command();
        command.env("PKEYS_SSH_CONFIG", self.sandbox.path("ssh_config")).env("XDG_RUNTIME_DIR", self.memory.path());
        command
    }

    #[track_caller]
    pub fn pkeys(&self, arguments: &[&str]) -> Ran {
        run_command(self.command().args(arguments), b"")
    }

    /// Whether plain `ssh` logs in to a host with a key.
    pub fn login(&self, name: &str, key: &std::path::Path) -> bool {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(self.sandbox.path("ssh_config")).args(["-o", "BatchMode=yes", "-o", "IdentityFile=none"]);
        command.arg("-i").arg(key).args([name, "true"]);
        run_command(&mut command, b"").status == 0
    }
}
