//! Which machine and port `ssh` really connects to, as the operator's configuration says.

use crate::base::{Error, Result};
use crate::remote::scan::{HostKey, scan_all};
use crate::remote::ssh;

/// How `ssh` reaches an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By itself: `[name]:port`.
    Direct(String),
    /// Through another host or program, so that `ssh-keyscan` cannot.
    Around,
}

/// Asks `ssh -G`; connects to nothing.
///
/// # Errors
/// When the address is none, or `ssh` does not know what to do with it.
pub fn way(address: &str) -> Result<Way> {
    let settings = ssh::settings(address)?;
    of(&settings).ok_or_else(|| Error::new("ssh does not say how it reaches the address"))
}

/// The host keys that a host shows under the address that `ssh` has for it; `None` when only `ssh` itself gets there.
///
/// # Errors
/// When it does not answer, or shows no Ed25519 or RSA key.
pub fn host_keys(address: &str) -> Result<Option<Vec<HostKey>>> {
    match way(address)? {
        Way::Direct(there) => scan_all(&there).map(Some),
        Way::Around => Ok(None),
    }
}

fn of(settings: &ssh::Settings) -> Option<Way> {
    let get = |name: &str| settings.get(name);
    if ["proxyjump", "proxycommand"].iter().any(|name| get(name).is_some_and(|value| value != "none")) {
        return Some(Way::Around);
    }
    Some(Way::Direct(format!("[{}]:{}", get("hostname")?, get("port")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_understood() {
        let parse = |said: &str| of(&ssh::Settings(said.into()));
        let said = "user root\nhostname 10.0.0.1\nport 2222\nproxyuseefdpass no\n";
        assert_eq!(parse(said), Some(Way::Direct("[10.0.0.1]:2222".into())));
        assert_eq!(parse(&format!("{said}proxyjump none\n")), Some(Way::Direct("[10.0.0.1]:2222".into())));
        assert_eq!(parse(&format!("{said}proxyjump gate\n")), Some(Way::Around));
        assert_eq!(parse(&format!("{said}proxycommand nc %h %p\n")), Some(Way::Around));
        assert_eq!(parse(""), None);
    }
}
