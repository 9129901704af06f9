//! Host keys: whether a host proves an accepted one, and files of known hosts.

use crate::base::{Error, Result, files};
use crate::remote::session::Seen;
use crate::remote::ssh;
use crate::remote::target::Target;
use crate::remote::witness::Role;
use std::path::Path;
use std::process::{Command, Stdio};

/// A file of known hosts is smaller.
const MAX_FILE: usize = 64 * 1024 * 1024;

/// What files of known hosts call a host: the operator's `HostKeyAlias`, else the name that `ssh` connects to, with
/// the port where it is not 22.
///
/// # Errors
/// When the address is none, or `ssh` cannot read its configuration.
pub fn known_name(address: &str) -> Result<String> {
    let settings = ssh::settings(address)?;
    match (settings.get("hostkeyalias"), settings.get("hostname"), settings.get("port")) {
        (Some(alias), ..) => Ok(alias.into()),
        (None, Some(host), Some("22")) => Ok(host.into()),
        (None, Some(host), Some(port)) => Ok(format!("[{host}]:{port}")),
        _ => Err(Error::new("ssh does not say how it reaches the address")),
    }
}

/// What a host proved about its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It has the private key of an accepted host key.
    Proven,
    /// It showed other keys, with these fingerprints, as far as that is known. Whoever is on the way may have shown them.
    Another(Vec<String>),
}

/// Whether a host proves an accepted host key: by its signature of the session. Works through jump hosts. Offers no user
/// key.
///
/// # Errors
/// If the host cannot be reached, so that nothing is known.
pub fn host_key(target: &Target) -> Result<Proof> {
    let mut shown = Vec::new();
    for keys in target.keys.by_kind() {
        let seen = Seen::new(&Target { keys, ..target.clone() }, Role::Look, "true")?;
        if seen.is_bound() {
            return Ok(Proof::Proven);
        }
        let other = ["Host key verification failed.", "no matching host key type found"];
        if !seen.lines().any(|line| other.iter().any(|text| line.contains(text))) {
            return Err(seen.unknown());
        }
        shown.extend(seen.lines().filter_map(|line| {
            let key = line.strip_prefix("debug1: Server host key: ")?;
            let fingerprint = key.split(' ').nth(1)?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || b":+/".contains(&b);
            fingerprint.bytes().all(plain).then(|| fingerprint.to_owned())
        }));
    }
    Ok(Proof::Another(shown))
}

/// Puts a host's line into a file of known hosts, in place of what that says of the host. `ssh-keygen` keeps the former
/// file beside it, with `.old` at its end.
///
/// # Errors
/// When the file cannot be changed.
pub fn trust(known_hosts: &Path, name: &str, line: &str) -> Result<()> {
    let failed =
        || Error::new(format!("cannot change {}", known_hosts.display())).hint(format!("add this line to it: {line}"));
    if known_hosts.exists() {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-R", name, "-f"]).arg(known_hosts);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.ok().filter(std::process::ExitStatus::success).ok_or_else(failed)?;
    }
    let there = files::read(known_hosts, MAX_FILE)?.unwrap_or_default();
    let separator = if there.last().is_none_or(|last| *last == b'\n') { "" } else { "\n" };
    files::append(known_hosts, there.len() as u64, format!("{separator}{line}\n").as_bytes(), files::PUBLIC)
        .map_err(|_| failed())
}
