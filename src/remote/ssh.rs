//! The system's `ssh`: the operator's own configuration, jump hosts and agents work as always.

use crate::base::{Error, Result};
use crate::remote::address;
use crate::remote::exchange::exchange;
use crate::remote::options::{self, PINNED};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// `ssh` to an address, without questions, with what is pinned, and these arguments, over the operator's own
/// configuration. `PKEYS_SSH_CONFIG` names another configuration file than the operator's.
///
/// # Errors
/// If the address is invalid.
pub fn command(address: &str, arguments: &[String]) -> Result<Command> {
    let (target, port) = address::split(address)?;
    let mut command = Command::new("ssh");
    if let Some(file) = std::env::var_os("PKEYS_SSH_CONFIG") {
        command.arg("-F").arg(file);
    }
    command.arg("-T").args(options::arguments(PINNED)).args(arguments);
    if let Some(port) = port {
        command.args(["-p", port]);
    }
    // Square brackets are for us: ssh takes a bare IPv6 address.
    command.args(["--", &target.replace(['[', ']'], "")]);
    Ok(command)
}

/// What the operator's configuration makes of an address, as `ssh -G` says it: one setting on a line. Connects to nothing.
///
/// # Errors
/// When the address is none, or `ssh` does not know what to do with it.
pub fn settings(address: &str) -> Result<Settings> {
    let output = output(&mut command(address, &["-G".into()])?, None, |_| Ok(()))?;
    let settings = Settings(String::from_utf8_lossy(&output.stdout).into_owned());
    if settings.get("hostname").is_some() {
        return Ok(settings);
    }
    Err(Error::new(format!("ssh does not know the address: {}", last_line(&output.stderr)))
        .hint("is your ssh configuration whole? `ssh -G ADDRESS` shows what it makes of it"))
}

/// The settings for one address.
pub struct Settings(pub(super) String);

impl Settings {
    /// One of them, by its name in small letters.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    }
}

/// Runs `ssh` with some input to its end. Whatever it writes into its log, and what a host sends, is bounded.
///
/// # Errors
/// If it cannot be started, or was ended because of a bound.
pub fn output(
    command: &mut Command,
    log: Option<&Path>,
    send: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send,
) -> Result<Output> {
    exchange(start(command)?, log, send)
}

/// Starts `ssh`, its input and outputs piped.
pub(super) fn start(command: &mut Command) -> Result<Child> {
    let missing = |_| Error::new("cannot run ssh").hint("install OpenSSH's client");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(missing)
}

/// That a host could not be reached or logged in to: what `ssh` wrote last into its log, and what else was said on
/// standard error, such as by a jump host's `ssh`.
pub(super) fn not_connected(log: &[u8], stderr: &[u8]) -> Error {
    let log = String::from_utf8_lossy(log);
    let progress = ["debug1: ", "Authenticated to ", "Transferred: ", "Bytes per second: "];
    let said: Vec<_> = log.lines().filter(|line| !progress.iter().any(|start| line.starts_with(start))).collect();
    let another = ["Host key verification failed", "no matching host key type found"];
    if another.iter().any(|text| said.last().is_some_and(|line| line.contains(text))) {
        return Error::new("cannot log in: its host key is not one that is accepted for it")
            .hint("if it was installed anew, compare its key there, then `pkeys host add NAME --scan ADDRESS`");
    }
    let (reason, beside) = (last_line(said.join("\n").as_bytes()), last_line(stderr));
    let reason = match (said.is_empty(), stderr.is_empty()) {
        (false, false) if reason != beside => format!("{reason} ({beside})"),
        (true, false) => beside,
        _ => reason,
    };
    Error::new(format!("cannot log in: {reason}")).hint("does plain `ssh` to it work, without asking for anything?")
}

/// The last line that a program said, fit for a terminal.
pub fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_ssh_said_last_and_not_its_progress() {
        let log = b"debug1: x\r\nssh: connect to host web port 22: Connection refused\r\n";
        assert!(not_connected(log, b"").message().ends_with("Connection refused"));
        let log = b"Connection closed by UNKNOWN port 65535\r\n";
        let said = not_connected(log, b"stdio forwarding failed\n");
        assert!(said.message().ends_with("UNKNOWN port 65535 (stdio forwarding failed)"), "{said:?}");
        let log = b"No ED25519 host key is known for web\r\nHost key verification failed.\r\n";
        assert!(not_connected(log, b"").message().contains("not one that is accepted"));
    }
}
