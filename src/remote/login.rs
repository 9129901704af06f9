//! Proving that a host accepts a key, or that it does not: by a real login with `ssh`.

use crate::base::{Error, Result, UserName};
use crate::remote::key::LoginKey;
use crate::remote::log::{Event, event, used};
use crate::remote::report::REPORT;
use crate::remote::session::Seen;
use crate::remote::target::Target;
use crate::remote::witness::Role;

/// What a host did with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It let the user in with this very key; or, of a public key alone, it would.
    Accepted,
    /// It answered, and did not take this key.
    Refused,
}

/// Tries a user's key on a host. With a private key the login is completed: other keys of the operator's prove nothing.
/// With a public key alone, the host says whether it would accept it before it wants a signature. What the login runs
/// there, and with what result, does not matter.
///
/// # Errors
/// If the host cannot be reached, does not prove an accepted host key, or gives no verdict on this key.
pub fn login(target: &Target, user: &UserName, key: &LoginKey) -> Result<Login> {
    for algorithm in key.algorithms() {
        if attempt(target, user.as_str(), key, &algorithm)? == Login::Accepted {
            return Ok(Login::Accepted);
        }
    }
    Ok(Login::Refused)
}

/// With one signature algorithm.
fn attempt(target: &Target, user: &str, key: &LoginKey, algorithm: &str) -> Result<Login> {
    let seen = Seen::new(target, Role::Key { key, user, algorithm }, "true")?;
    if !seen.is_bound() {
        return Err(seen.unknown());
    }
    let fingerprint = key.fingerprint();
    if !seen.accepted() {
        let unsupported = algorithm.contains("rsa") && seen.proven_lines().any(is_unsupported);
        let no = unsupported || refused(seen.proven_lines(), &fingerprint);
        return if no { Ok(Login::Refused) } else { Err(seen.unknown()) };
    }
    let is_in = || used(seen.proven_lines()).is_some_and(|used| used == [fingerprint.as_str()]);
    if key.is_pair() && !is_in() {
        return Err(Error::new("it accepts the key, and the login was not completed by it alone")
            .hint("is the account locked or expired there, or does it want more than a key?"));
    }
    Ok(Login::Accepted)
}

/// Whether `ssh` did not offer an RSA key because the host does not support the algorithm: as two versions say it.
fn is_unsupported(line: &str) -> bool {
    line == "debug1: send_pubkey_test: no mutual signature algorithm"
        || line.starts_with("debug1: Skipping ssh-rsa key ")
            && line.ends_with(" - corresponding algorithm not supported by server")
}

/// Whether a key was offered, and the host's answer was that it does not accept it.
fn refused<'a>(lines: impl Iterator<Item = &'a str>, fingerprint: &str) -> bool {
    let mut offered = false;
    let mut refused = false;
    for event in lines.filter_map(event) {
        match event {
            Event::Offered(key) => offered = key.is(fingerprint),
            // With what went before, it would have been accepted.
            Event::Accepted(key) if key.is(fingerprint) => return false,
            Event::Refused => refused |= std::mem::take(&mut offered),
            _ => offered = false,
        }
    }
    refused
}

/// The fingerprints of the keys that the operator logs in to a host with; none when it is not by keys.
///
/// # Errors
/// If the operator cannot log in, or the host does not prove an accepted host key.
pub fn login_keys(target: &Target) -> Result<Vec<String>> {
    // What a login that may only push can ask for too.
    let seen = Seen::new(target, Role::Operator, REPORT)?;
    let used = used(seen.proven_lines()).ok_or_else(|| seen.unknown())?;
    Ok(used.into_iter().map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::refused;

    const OFFER: &str = "debug1: Offering public key: /x.pub ED25519 SHA256:new explicit agent";
    const REFUSED: &str = "debug1: Authentications that can continue: publickey";

    #[test]
    fn a_key_is_refused_when_the_host_says_so_of_this_very_key() {
        let of = |lines: &[&str]| refused(lines.iter().copied(), "SHA256:new");
        assert!(of(&[REFUSED, OFFER, REFUSED]));
        let other = "debug1: Offering public key: /y ED25519 SHA256:other explicit";
        assert!(of(&[OFFER, REFUSED, other, REFUSED]));
        let certificate = OFFER.replace("ED25519", "ED25519-CERT");
        let accepts = OFFER.replace("Offering public", "Server accepts");
        for unknown in [
            &[REFUSED][..],
            &[REFUSED, OFFER],
            &[REFUSED, other, REFUSED],
            &[&certificate, REFUSED],
            &[OFFER, &accepts, REFUSED],
            &[OFFER, REFUSED, OFFER, &accepts],
        ] {
            assert!(!of(unknown), "{unknown:?}");
        }
    }
}
