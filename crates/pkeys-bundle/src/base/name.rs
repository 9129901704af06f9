//! Names that are safe as file names, in every place where they are used.

use crate::base::{Error, Result};
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 128;

/// `[A-Za-z0-9][A-Za-z0-9._-]*`, at most [`MAX_NAME`] bytes.
fn is_plain(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// A login name as `useradd` takes it: like a plain name, but it may start with `_`, and at most 32 bytes.
fn is_login(name: &str) -> bool {
    name.len() <= 32 && is_plain(name.strip_prefix('_').unwrap_or(name))
}

/// Like a plain name, and may have `@` and `+` in it: `ann@laptop`.
fn is_operator(name: &str) -> bool {
    is_plain(&name.replace(['@', '+'], "-"))
}

/// 32 lower-case hexadecimal digits: 128 random bits.
fn is_fleet_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the name.
            ///
            /// # Errors
            /// When it breaks the rule; the message does not repeat it.
            pub fn new(name: impl Into<String>) -> Result<Self> {
                let name = name.into();
                if $check(&name) {
                    Ok(Self(name))
                } else {
                    Err(Error::new(concat!("that is not a ", $what, " name")).hint($rule))
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(name: String) -> Result<Self> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;
            fn from_str(name: &str) -> Result<Self> {
                Self::new(name)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<std::path::Path> for $name {
            fn as_ref(&self) -> &std::path::Path {
                self.0.as_ref()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// The name of a secret or a template.
    SecretName,
    "secret",
    is_plain,
    "use letters, digits, '.', '_' and '-', starting with a letter or digit, at most 128"
);
name_type!(
    /// The name of a host.
    HostName,
    "host",
    is_plain,
    "use letters, digits, '.', '_' and '-', starting with a letter or digit, at most 128"
);
name_type!(
    /// The name of an operator or a signer in `pkeys.toml`.
    OperatorName,
    "signer or operator",
    is_operator,
    "use letters, digits, '.', '_', '-', '@' and '+', starting with a letter or digit, at most 128"
);
name_type!(
    /// The label of one of a user's keys, such as `laptop`.
    KeyLabel,
    "key",
    is_plain,
    "use letters, digits, '.', '_' and '-', starting with a letter or digit, at most 128"
);
name_type!(
    /// The login name of a user on a host.
    UserName,
    "user",
    is_login,
    "use letters, digits, '.', '_' and '-', starting with a letter, digit or '_', at most 32"
);

name_type!(
    /// The random id of a fleet: all hosts of one `pkeys.toml`. A bundle made for one fleet is not valid in another.
    FleetId,
    "fleet",
    is_fleet_id,
    "a fleet id is 32 lower-case hexadecimal digits, as `pkeys init` writes it into pkeys.toml"
);

impl FleetId {
    /// Returns a new random id.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 16];
        OsRng.fill_bytes(&mut bytes);
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass_and_names_that_could_reach_elsewhere_do_not() {
        for good in ["a", "tailscale-auth-key", "A.b_c-9", &"x".repeat(128)] {
            assert!(SecretName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-a", ".a", "a/b", "a b", "a\0", "ä", "a\n", &"x".repeat(129)] {
            assert!(SecretName::new(bad).is_err(), "{bad:?}");
        }
        assert!(FleetId::new(FleetId::random()).is_ok() && FleetId::random() != FleetId::random());
        for bad in ["", &"A".repeat(32), &"0".repeat(31), &"g".repeat(32)] {
            assert!(FleetId::new(bad).is_err(), "{bad:?}");
        }
        assert!(UserName::new("_git").is_ok());
        for bad in ["_", "__", "_-x", "root/../x", &"u".repeat(33)] {
            assert!(UserName::new(bad).is_err(), "{bad:?}");
        }
    }
}
