//! What is pinned for every connection, over the operator's own configuration, and paths as `ssh` reads them.

use crate::base::{Error, Result};
use std::path::Path;

/// No connection is shared, forwards anything, runs a command of the configuration's, or accepts an unknown host key.
pub(super) const PINNED: &[&str] = &[
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
    "StrictHostKeyChecking=yes",
    "NoHostAuthenticationForLocalhost=no",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
];

/// What is pinned besides where a connection proves something. Needs OpenSSH 8.7.
pub(super) const PROVING: &[&str] = &[
    "VerifyHostKeyDNS=no",
    "FingerprintHash=sha256",
    "LogLevel=DEBUG1",
    "SessionType=default",
    "StdinNull=no",
    "ForkAfterAuthentication=no",
];

/// Options as arguments: `-o` before each.
pub(super) fn arguments<S: AsRef<str>>(options: &[S]) -> Vec<String> {
    options.iter().flat_map(|option| ["-o".to_owned(), option.as_ref().to_owned()]).collect()
}

/// A path for options in which `ssh` expands `%` and `${…}`: `UserKnownHostsFile`, `IdentityAgent`, `IdentityFile`.
///
/// # Errors
/// If the path cannot be written there.
pub(super) fn expanded(path: &Path) -> Result<String> {
    let quoted = literal(path)?;
    // OpenSSH has no way to write this.
    if quoted.contains("${") { Err(unusable()) } else { Ok(quoted.replace('%', "%%")) }
}

/// A path for options in which `ssh` expands no `%`: `GlobalKnownHostsFile`.
///
/// # Errors
/// If the path cannot be written there.
pub(super) fn literal(path: &Path) -> Result<String> {
    let text = path.to_str().filter(|text| !text.contains(char::is_control)).ok_or_else(unusable)?;
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn unusable() -> Error {
    Error::new("ssh cannot be given the path of the private directory").hint("set XDG_RUNTIME_DIR to a plain path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_so_that_ssh_reads_them_as_they_are() {
        let path = Path::new("/run/a b/\"50%\"\\x'#");
        assert_eq!(literal(path).unwrap(), r#""/run/a b/\"50%\"\\x'#""#);
        assert_eq!(expanded(path).unwrap(), r#""/run/a b/\"50%%\"\\x'#""#);
        assert!(expanded(Path::new("/run/${HOME}")).is_err() && literal(Path::new("/run/a\nb")).is_err());
    }

    #[test]
    fn ssh_itself_reads_such_a_path_back() {
        let path = Path::new("/run/a b/\"50%\"\\x'#");
        let option = |name: &str, value: String| format!("{name}={value}");
        let options = [
            option("UserKnownHostsFile", expanded(path).unwrap()),
            option("IdentityAgent", expanded(path).unwrap()),
            option("GlobalKnownHostsFile", literal(path).unwrap()),
        ];
        let mut command = std::process::Command::new("ssh");
        let output = command.args(["-F", "none", "-G"]).args(arguments(&options)).arg("web").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        for name in ["userknownhostsfile", "identityagent", "globalknownhostsfile"] {
            let line = said.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            assert_eq!(line.trim(), path.to_str().unwrap(), "{name}");
        }
    }
}
