//! One connection that proves something: `ssh` with an agent of ours, and its log.

use crate::base::{Error, Result, files, parallel};
use crate::remote::directory::Directory;
use crate::remote::exchange::{MAX_LOG, exchange};
use crate::remote::key::LoginKey;
use crate::remote::options::{self, PROVING, expanded};
use crate::remote::ssh;
use crate::remote::target::{HostKeys, Target};
use crate::remote::witness::{Role, Witness, Witnessed};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Output;

/// No user key is of this kind, only certificates: nothing is offered but by who logs in with one.
const NO_KEY: &str = "ssh-ed25519-cert-v01@openssh.com";

/// Ciphers with which nobody in between can remove the first encrypted message (the Terrapin attack): it says which
/// algorithms for RSA signatures the host supports.
const CIPHERS: &str = "aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";

/// What a connection showed.
pub(super) struct Seen {
    witnessed: Witnessed,
    log: Vec<u8>,
    output: Output,
}

impl Seen {
    /// Runs `ssh` to a target and watches it. `command` is what it runs there.
    pub(super) fn new(target: &Target, role: Role, command: &str) -> Result<Self> {
        let directory = Directory::new()?;
        let (log, socket) = (directory.path().join("log"), directory.path().join("agent"));
        let options = options(target, &role, &directory, &log, &socket)?;
        let address = if matches!(role, Role::Operator) { &target.address } else { target.host() };
        let mut ssh = ssh::command(address, &options)?;
        let listener = UnixListener::bind(&socket).map_err(|e| Error::io("listen at", &socket, &e))?;
        let operator = || operators_agent(&target.address);
        let witness = Witness::new(role, &target.keys, &log, &operator);
        let (stop, stopped) = UnixStream::pair().map_err(|e| Error::io("listen at", &socket, &e))?;
        let child = ssh::start(ssh.arg(command))?;
        let pid = child.id();
        let exchange = || {
            let output = exchange(child, Some(&log), |_| Ok(()));
            drop(stop);
            output
        };
        let ((), output) = parallel::both(|| witness.serve(&listener, &stopped, pid), exchange);
        let output = output?;
        Ok(Self { witnessed: witness.seen(), log: files::read(&log, MAX_LOG)?.unwrap_or_default(), output })
    }

    /// Whether the host has proven an accepted key.
    pub(super) fn is_bound(&self) -> bool {
        self.witnessed.bound.is_some()
    }

    /// Whether the host accepted the public key that was tried.
    pub(super) fn accepted(&self) -> bool {
        self.witnessed.accepted
    }

    /// The whole lines that `ssh` wrote after the host had proven its key; nobody in between can have any part in them.
    pub(super) fn proven_lines(&self) -> impl Iterator<Item = &str> {
        let mark = self.witnessed.bound.as_ref().map(|(_, mark)| usize::try_from(*mark).unwrap_or(usize::MAX));
        let proven = mark.and_then(|mark| self.log.get(mark..)).unwrap_or_default();
        lines(proven)
    }

    /// All lines of the log. What they say may be anybody's words.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        lines(&self.log)
    }

    /// Why nothing was proven.
    pub(super) fn unknown(&self) -> Error {
        if self.witnessed.silent {
            return Error::new("ssh does not say which host it talks to")
                .hint("update OpenSSH to version 8.9 or later");
        }
        if self.witnessed.rejected {
            return Error::new("cannot verify the signature of the host's key")
                .hint("use an Ed25519, RSA or NIST ECDSA host key there");
        }
        ssh::not_connected(&self.log, &self.output.stderr)
    }
}

/// The whole lines of a log.
fn lines(log: &[u8]) -> impl Iterator<Item = &str> {
    let whole = log.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    whole.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter_map(|line| std::str::from_utf8(line).ok())
}

fn options(target: &Target, role: &Role, directory: &Directory, log: &Path, socket: &Path) -> Result<Vec<String>> {
    let mut all: Vec<String> = PROVING.iter().map(|option| (*option).to_owned()).collect();
    all.push(format!("IdentityAgent={}", expanded(socket)?));
    if let HostKeys::Accepted(_) = &target.keys {
        let known = directory.write("known_hosts", &target.keys.file())?;
        all.push(format!("UserKnownHostsFile={}", expanded(&known)?));
        all.extend(["GlobalKnownHostsFile=/dev/null", "KnownHostsCommand=none"].map(Into::into));
    }
    all.extend(target.keys.algorithms().map(|algorithms| format!("HostKeyAlgorithms={algorithms}")));
    let only_keys = ["PubkeyAuthentication=yes", "PreferredAuthentications=publickey", "IdentitiesOnly=yes"];
    match role {
        Role::Operator => {}
        Role::Look => {
            all.extend(only_keys.map(Into::into));
            all.push(format!("PubkeyAcceptedAlgorithms={NO_KEY}"));
        }
        Role::Key { key, user, algorithm } => {
            all.extend(only_keys.map(Into::into));
            all.extend(key_options(key, directory)?);
            all.extend(algorithm.contains("rsa").then(|| format!("Ciphers={CIPHERS}")));
            all.extend([format!("User={user}"), format!("PubkeyAcceptedAlgorithms={algorithm}")]);
        }
    }
    let log = log.to_str().map(str::to_owned);
    let log = log.ok_or_else(|| Error::new("the private directory's path is not UTF-8").hint("set XDG_RUNTIME_DIR"))?;
    Ok([vec!["-E".into(), log], options::arguments(&all)].concat())
}

fn key_options(key: &LoginKey, directory: &Directory) -> Result<[String; 3]> {
    let public = directory.write("key.pub", &format!("{}\n", key.line()?))?;
    Ok([format!("IdentityFile={}", expanded(&public)?), "CertificateFile=none".into(), "PKCS11Provider=none".into()])
}

/// The agent that the operator's `ssh` uses for an address.
fn operators_agent(address: &str) -> Option<PathBuf> {
    let settings = ssh::settings(address).ok()?;
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match settings.get("identityagent") {
        None | Some("SSH_AUTH_SOCK") => variable("SSH_AUTH_SOCK"),
        Some("none") => None,
        Some(name) if name.starts_with('$') => variable(name.trim_start_matches('$').trim_matches(['{', '}'])),
        Some(path) => Some(path.into()),
    }
}
