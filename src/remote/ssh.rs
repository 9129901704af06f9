//! The system's `ssh`: the operator's own configuration, jump hosts, agents and multiplexing work as always.

use crate::base::{Error, Result, parallel};
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// What `ssh` answers with when it could not connect or log in.
const NOT_CONNECTED: i32 = 255;

/// Splits an address into what `ssh` logs in to and a port: `root@web`, `web:2222`, `root@[::1]:2222`.
///
/// # Errors
/// When it cannot be an address, or could be taken for an option.
pub fn split(address: &str) -> Result<(&str, Option<&str>)> {
    let bad = || {
        Error::new("that is not an address").hint("use what ssh knows, such as root@web, with :PORT if it is not 22")
    };
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let port = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, "")) => None,
        Some((_, rest)) => Some(rest.strip_prefix(':').ok_or_else(bad)?),
        None if host.matches(':').count() == 1 => host.rsplit_once(':').map(|(_, port)| port),
        None => None,
    };
    let target = port.map_or(address, |port| &address[..address.len() - port.len() - 1]);
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    let good = plain(target) && plain(host) && !target.starts_with('-') && !host.starts_with('-');
    if good && port.is_none_or(|port| port.parse::<u16>().is_ok()) { Ok((target, port)) } else { Err(bad()) }
}

/// `ssh` to an address, without questions, with these options over the operator's own. `PKEYS_SSH_CONFIG` names another
/// configuration file than the operator's.
///
/// # Errors
/// When the address is none.
pub fn command(address: &str, options: &[String]) -> Result<Command> {
    let (target, port) = split(address)?;
    let mut command = Command::new("ssh");
    if let Some(file) = std::env::var_os("PKEYS_SSH_CONFIG") {
        command.arg("-F").arg(file);
    }
    command
        .args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15"])
        .args(options);
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
    let output = output(&mut command(address, &["-G".into()])?, |_| Ok(()))?;
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

/// Runs `ssh` with some input to its end.
///
/// # Errors
/// When it cannot be started, or could not connect or log in: with what `ssh` said last.
pub fn run(command: &mut Command, send: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send) -> Result<Output> {
    let output = output(command, send)?;
    if output.status.code() == Some(NOT_CONNECTED) { Err(not_connected(&output.stderr)) } else { Ok(output) }
}

/// Runs `ssh` with some input to its end, however that is.
///
/// # Errors
/// When it cannot be started.
pub fn output(
    command: &mut Command,
    send: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send,
) -> Result<Output> {
    let missing = |_| Error::new("cannot run ssh").hint("install OpenSSH's client");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(missing)?;
    exchange(child, send)
}

/// That a host could not be reached or logged in to, with what `ssh` said last.
pub fn not_connected(said: &[u8]) -> Error {
    Error::new(format!("cannot log in: {}", last_line(said)))
        .hint("does plain `ssh` to it work, without asking for anything?")
}

fn exchange(mut child: Child, send: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send) -> Result<Output> {
    let mut input = child.stdin.take();
    // That the other side ended early is seen in what it answers.
    let send = move || drop(input.as_mut().map(|input| send(input)));
    let (_, output) = parallel::both(send, || child.wait_with_output());
    output.map_err(|e| Error::new(format!("ssh failed: {}", e.kind())))
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
    fn addresses_are_split_into_target_and_port() {
        for (address, target, port) in [
            ("web", "web", None),
            ("root@web:2222", "root@web", Some("2222")),
            ("root@[::1]:2222", "root@[::1]", Some("2222")),
            ("::1", "::1", None),
            ("me@fe80::1", "me@fe80::1", None),
        ] {
            assert_eq!(split(address).unwrap(), (target, port));
        }
        for bad in ["", "root@", "-oProxyCommand=x", "root@-x", "web:ssh", "web 1", "web\n", "[::1]x"] {
            assert!(split(bad).is_err(), "{bad:?}");
        }
    }
}
