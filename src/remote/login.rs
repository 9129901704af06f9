//! Proving that a host accepts a key, or that it does not: by a real login with `ssh`.

use crate::base::{Result, UserName};
use crate::remote::{Agent, ssh};

/// What a host did with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It let the user in with this very key.
    Accepted,
    /// It answered, and did not take this key.
    Refused,
}

/// Logs a user in to a host with the key of an agent, and looks which key the host took: keys of the operator's own
/// configuration prove nothing. What the login runs there, and with what result, does not matter.
///
/// # Errors
/// When the host cannot be reached, so that nothing is known.
pub fn login(address: &str, user: &UserName, fingerprint: &str, agent: &Agent) -> Result<Login> {
    let mut options = vec!["-l".to_owned(), user.to_string(), "-i".into(), agent.public().display().to_string()];
    let settings = [
        format!("IdentityAgent={}", agent.socket().display()),
        "IdentitiesOnly=yes".into(),
        "PreferredAuthentications=publickey".into(),
        // A connection that stands already proves nothing.
        "ControlMaster=no".into(),
        "ControlPath=none".into(),
        "CertificateFile=none".into(),
        // Not -v: a jump host's ssh would talk too.
        "LogLevel=DEBUG1".into(),
        "ForwardAgent=no".into(),
    ];
    for setting in settings {
        options.extend(["-o".into(), setting]);
    }
    // The login name of the address is for pushing.
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let mut command = ssh::command(host, &options)?;
    let output = ssh::output(command.arg("true"), |_| Ok(()))?;
    verdict(&String::from_utf8_lossy(&output.stderr), fingerprint)
        .map_or_else(|| Err(ssh::not_connected(&output.stderr)), Ok)
}

/// What OpenSSH's own protocol says: which keys it offered, and which one was taken.
fn verdict(said: &str, fingerprint: &str) -> Option<Login> {
    if said.lines().any(is_in) {
        let this = taken(said).is_some_and(|taken| taken == fingerprint);
        return Some(if this { Login::Accepted } else { Login::Refused });
    }
    // It was offered, and the conversation went on to its end without it.
    let ended = said.contains("Permission denied") || said.contains("No more authentication methods to try");
    (offered(said, fingerprint) && ended).then_some(Login::Refused)
}

/// Whether a line says that somebody was let in.
pub(super) fn is_in(line: &str) -> bool {
    line.starts_with("Authenticated to ") || line.contains("debug1: Authentication succeeded")
}

/// Whether a key was offered.
pub(super) fn offered(said: &str, fingerprint: &str) -> bool {
    said.lines().any(|line| line.contains("Offering public key:") && names(line) == Some(fingerprint))
}

/// The fingerprint of the key that the host accepted last before it let somebody in.
pub(super) fn taken(said: &str) -> Option<&str> {
    let before = said.lines().take_while(|line| !is_in(line));
    before.filter(|line| line.contains("Server accepts key:")).last().and_then(names)
}

/// The fingerprint in a line.
pub(super) fn names(line: &str) -> Option<&str> {
    line.split_ascii_whitespace().find(|word| word.starts_with("SHA256:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "debug1: Offering public key: /x.pub ED25519 SHA256:new explicit agent\n";
    const OTHER: &str = "debug1: Offering public key: /y ED25519 SHA256:other explicit\n";

    #[test]
    fn only_the_very_key_counts() {
        let accepted = format!(
            "{OFFER}debug1: Server accepts key: /x.pub ED25519 SHA256:new explicit agent\nAuthenticated to web using \"publickey\".\n"
        );
        assert_eq!(verdict(&accepted, "SHA256:new"), Some(Login::Accepted));
        let another = format!(
            "{OFFER}{OTHER}debug1: Server accepts key: /y ED25519 SHA256:other explicit\nAuthenticated to web using \"publickey\".\n"
        );
        assert_eq!(verdict(&another, "SHA256:new"), Some(Login::Refused));
        let denied = format!(
            "{OFFER}debug1: No more authentication methods to try.\nroot@web: Permission denied (publickey).\n"
        );
        assert_eq!(verdict(&denied, "SHA256:new"), Some(Login::Refused));
        for unknown in ["", "ssh: connect to host web port 22: Connection refused", OFFER, "Permission denied"] {
            assert_eq!(verdict(unknown, "SHA256:new"), None, "{unknown}");
        }
    }
}
