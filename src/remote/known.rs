//! Host keys that the operator's `ssh` trusts: `known_hosts`.

use crate::base::{Error, Result, files};
use crate::remote::ssh;
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

/// Whether a host has the key that this file of known hosts names, and no other: `ssh` is made to trust nothing else, so
/// that the host proves to have the private half. Works through jump hosts. Logs in nowhere.
///
/// # Errors
/// When the host cannot be reached, so that nothing is known.
pub fn shows_key(address: &str, known_hosts: &Path) -> Result<bool> {
    let settings = [
        format!("UserKnownHostsFile=\"{}\"", known_hosts.display()),
        "GlobalKnownHostsFile=none".into(),
        "StrictHostKeyChecking=yes".into(),
        "VerifyHostKeyDNS=no".into(),
        "HostKeyAlgorithms=ssh-ed25519".into(),
        "PreferredAuthentications=none".into(),
        "ControlMaster=no".into(),
        "ControlPath=none".into(),
        "LogLevel=DEBUG1".into(),
    ];
    let options: Vec<_> = settings.into_iter().flat_map(|setting| ["-o".into(), setting]).collect();
    let output = ssh::output(ssh::command(address, &options)?.arg("true"), |_| Ok(()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // The conversation went on, under keys that the host's key has signed.
    let trusted = said.contains("SSH2_MSG_SERVICE_ACCEPT received");
    let another = ["Host key verification failed", "no matching host key type found"];
    match another.iter().any(|text| said.contains(text)) {
        _ if trusted => Ok(true),
        true => Ok(false),
        false => Err(ssh::not_connected(&output.stderr)),
    }
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
