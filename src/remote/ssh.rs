//! The system's `ssh`: the operator's own configuration, jump hosts and agents work as always.

use crate::base::{Error, Result, parallel};
use crate::remote::options::{self, PINNED};
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// Splits an address into what `ssh` logs in to and a port: `root@web`, `web:2222`, `root@[::1]:2222`.
///
/// Only characters of names, addresses and login names: an address reaches command lines, and `ProxyCommand`s of the
/// operator's, which a shell reads.
///
/// # Errors
/// If it is not an address.
pub fn split(address: &str) -> Result<(&str, Option<&str>)> {
    parse(address).ok_or_else(|| {
        Error::new("that is not an address").hint("use what ssh knows, such as root@web, with :PORT if it is not 22")
    })
}

fn parse(address: &str) -> Option<(&str, Option<&str>)> {
    let (user, host) = address.rsplit_once('@').map_or((None, address), |(user, host)| (Some(user), host));
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']')?;
            (name, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None if host.matches(':').count() == 1 => host.split_once(':').map(|(name, port)| (name, Some(port)))?,
        None => (host, None),
    };
    let good = user.is_none_or(is_user) && (is_name(name) || is_ipv6(name)) && port.is_none_or(is_port);
    let target = &address[..address.len() - port.map_or(0, |port| port.len() + 1)];
    good.then_some((target, port))
}

/// Letters, digits and a few others, the first of them no sign.
fn is_plain(text: &str, others: &[u8]) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
}

/// A login name; with the realm of a directory, perhaps.
fn is_user(text: &str) -> bool {
    is_plain(text, b"._-+@")
}

/// A host name, an IPv4 address, or a name of the operator's `ssh_config`.
fn is_name(text: &str) -> bool {
    is_plain(text, b"._-")
}

/// An IPv6 address, with its zone, perhaps.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    address.parse::<std::net::Ipv6Addr>().is_ok() && zone.is_none_or(is_name)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

/// `ssh` to an address, without questions, with what is pinned, and these arguments, over the operator's own
/// configuration. `PKEYS_SSH_CONFIG` names another configuration file than the operator's.
///
/// # Errors
/// If the address is invalid.
pub fn command(address: &str, arguments: &[String]) -> Result<Command> {
    let (target, port) = split(address)?;
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

/// Runs `ssh` with some input to its end, however that is.
///
/// # Errors
/// If it cannot be started.
pub fn output(
    command: &mut Command,
    send: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send,
) -> Result<Output> {
    exchange(start(command)?, send)
}

/// Starts `ssh`, its input and outputs piped.
pub(super) fn start(command: &mut Command) -> Result<Child> {
    let missing = |_| Error::new("cannot run ssh").hint("install OpenSSH's client");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(missing)
}

/// Sends a started `ssh` some input, and waits for its end.
pub(super) fn exchange(
    mut child: Child,
    send: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send,
) -> Result<Output> {
    let mut input = child.stdin.take();
    // That the other side ended early is seen in what it answers.
    let send = move || drop(input.as_mut().map(|input| send(input)));
    let (_, output) = parallel::both(send, || child.wait_with_output());
    output.map_err(|e| Error::new(format!("ssh failed: {}", e.kind())))
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
    fn addresses_are_split_into_target_and_port() {
        for (address, target, port) in [
            ("web", "web", None),
            ("root@web:2222", "root@web", Some("2222")),
            ("root@[::1]:2222", "root@[::1]", Some("2222")),
            ("::1", "::1", None),
            ("me@fe80::1", "me@fe80::1", None),
            ("[fe80::1%eth0]:22", "[fe80::1%eth0]", Some("22")),
            ("ann@ad.example@web-1.example.org.:65535", "ann@ad.example@web-1.example.org.", Some("65535")),
        ] {
            assert_eq!(split(address).unwrap(), (target, port));
        }
        for bad in [
            "",
            "@web",
            "root@",
            "-oProxyCommand=x",
            "root@-x",
            "-l@web",
            "web:ssh",
            "web:",
            "web:0",
            "web:+22",
            "web:65536",
            "web 1",
            "web\n",
            "[::1]x",
            "[::1",
            "::1]",
            "[web]x",
            "a:b:c",
            "web$(id)",
            "root@web`id`",
            "web;id",
            "web|id",
            "we'b",
            "r\"oot@web",
            "web/x",
            "web\\x",
            "%h",
            "web%h",
            "[fe80::1%$(id)]",
            "wéb",
            "web,db",
            "*",
            "web#",
        ] {
            assert!(split(bad).is_err(), "{bad:?}");
        }
    }

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
