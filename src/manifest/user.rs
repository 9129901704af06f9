//! `[users.NAME]`: whose SSH keys are managed.

use crate::base::{Error, Result};
use crate::manifest::Selector;
use crate::source::Reference;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// `[users.NAME]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct User {
    /// Where the user's keys are authorized.
    #[serde(default)]
    pub hosts: Vec<Selector>,
    /// The age at which a key is due for rotation.
    pub rotate_every: Option<Period>,
    /// Where private halves that pkeys makes are kept.
    pub store: Option<Store>,
}

/// A number of days, as `90d`, or of weeks, as `12w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Period {
    /// How many days: 1 to 36500.
    pub days: u32,
}

impl TryFrom<String> for Period {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        let days = match (text.strip_suffix('d'), text.strip_suffix('w')) {
            (Some(days), _) => number(days),
            (_, Some(weeks)) => number(weeks).and_then(|weeks| weeks.checked_mul(7)),
            _ => None,
        };
        days.filter(|days| (1..=36_500).contains(days)).map(|days| Self { days }).ok_or_else(|| {
            Error::new("that is not a period such as \"90d\" or \"12w\"").hint("write days or weeks: \"90d\", \"12w\"")
        })
    }
}

/// Where private halves of user keys are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Store {
    /// Local age files.
    Age,
    /// A vault of 1Password, by its name or id.
    Op(String),
}

impl FromStr for Store {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unusable = || {
            Error::new("that is not a store: \"age\" or \"op://VAULT\"")
                .hint("\"age\" keeps local age files, \"op://VAULT\" items in a vault of 1Password")
        };
        if text == "age" {
            return Ok(Self::Age);
        }
        let vault = text.strip_prefix("op://").ok_or_else(unusable)?;
        match Reference::parse(&format!("op://{vault}/item/field")) {
            Ok(Reference::Op(op)) if op.section.is_none() => Ok(Self::Op(op.vault)),
            _ => Err(unusable()),
        }
    }
}

impl TryFrom<String> for Store {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age => f.write_str("age"),
            Self::Op(vault) => write!(f, "op://{vault}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_days_or_weeks() {
        for (text, days) in [("90d", Some(90)), ("12w", Some(84)), ("1d", Some(1)), ("36500d", Some(36_500))] {
            assert_eq!(Period::try_from(text.to_owned()).ok().map(|p| p.days), days);
        }
        for bad in ["", "d", "0d", "90", "90 d", "+9d", "-1d", "3m", "36501d", "4294967295w", "9dw"] {
            assert!(Period::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn stores_come_back_as_written() {
        for text in ["age", "op://Private", "op://a b.c"] {
            assert_eq!(text.parse::<Store>().unwrap().to_string(), text);
        }
        for bad in ["", "Age", "op://", "op://a/b", "op://a?b", "op:a", "age:x", "vault"] {
            assert!(bad.parse::<Store>().is_err(), "{bad}");
        }
    }
}
