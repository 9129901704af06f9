//! Options in front of a key in `authorized_keys`.
//!
//! An option that sshd does not know makes it refuse the key, so the names and the shape are checked here, by the rules
//! of sshd(8), "AUTHORIZED_KEYS FILE FORMAT".

use crate::base::error::did_you_mean;
use crate::base::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Options without a value.
const FLAGS: &[&str] = &[
    "agent-forwarding",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-X11-forwarding",
    "port-forwarding",
    "pty",
    "restrict",
    "user-rc",
    "verify-required",
    "X11-forwarding",
];

/// Options with a value in quotes; those that may stand there more than once are `true`.
const VALUED: &[(&str, bool)] = &[
    ("command", false),
    ("environment", true),
    ("expiry-time", false),
    ("from", false),
    ("permitlisten", true),
    ("permitopen", true),
    ("tunnel", false),
];

/// What stands in front of a key: `from="10.0.0.0/8",no-pty`. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Options(String);

impl Options {
    /// Checks options by sshd's rules.
    ///
    /// # Errors
    /// When sshd would refuse the line. The message repeats a name at most, never a value.
    pub fn new(text: &str) -> Result<Self> {
        if text.contains(char::is_control) {
            return Err(Error::new("an option has a control character").hint("options are one line"));
        }
        let mut rest = text;
        let mut seen = BTreeSet::new();
        loop {
            rest = one(rest, &mut seen)?;
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None if rest.is_empty() => return Ok(Self(text.into())),
                None => return Err(Error::new("an option is not followed by a comma").hint(SHAPE)),
            }
        }
    }

    /// The options as they stand in the file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const SHAPE: &str = "options are joined by commas, without spaces outside of quotes: from=\"10.0.0.0/8\",no-pty";

/// Takes one option; gives what follows it.
fn one<'a>(text: &'a str, seen: &mut BTreeSet<&'static str>) -> Result<&'a str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Err(Error::new("an option has no name").hint(SHAPE));
    }
    if FLAGS.iter().any(|flag| flag.eq_ignore_ascii_case(name)) {
        return Ok(rest);
    }
    if ["cert-authority", "principals"].iter().any(|option| option.eq_ignore_ascii_case(name)) {
        return Err(Error::new("an option makes this key an authority that signs others, not a user's key")
            .hint("configure authorities in sshd_config: TrustedUserCAKeys"));
    }
    let Some((known, many)) = VALUED.iter().find(|(option, _)| option.eq_ignore_ascii_case(name)) else {
        let all = FLAGS.iter().copied().chain(VALUED.iter().map(|(name, _)| *name));
        let new = Error::new("an option is none that sshd knows: it would refuse the key");
        return Err(match did_you_mean(name, all.clone()) {
            Some(near) => new.hint(format!("did you mean `{near}`?")),
            None => new.hint(format!("known: {}", all.collect::<Vec<_>>().join(", "))),
        });
    };
    let no_value = || Error::new(format!("an option, `{known}`, has no value in quotes")).hint(SHAPE);
    let (value, rest) = quoted(rest.strip_prefix("=\"").ok_or_else(no_value)?).ok_or_else(no_value)?;
    if !seen.insert(known) && !many {
        return Err(Error::new(format!("an option, `{known}`, is there twice")).hint("sshd takes it once"));
    }
    if *known == "expiry-time" && !is_time(value) {
        return Err(Error::new("an option, `expiry-time`, is no time").hint("write YYYYMMDD or YYYYMMDDHHMM[SS][Z]"));
    }
    Ok(rest)
}

/// A value up to its closing quote, and what follows; `\"` is part of it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return Some((&text[..at], &text[at + 1..])),
            _ => escaped = byte == b'\\',
        }
    }
    None
}

fn is_time(text: &str) -> bool {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    [8, 12, 14].contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Options {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text.trim_matches(' '))
    }
}

impl TryFrom<String> for Options {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_sshd_takes_come_back_as_written() {
        for text in [
            "restrict",
            "no-pty,no-x11-forwarding",
            "from=\"10.0.0.0/8,*.example.org\"",
            "command=\"echo \\\"a, b\\\" #\",restrict",
            "permitopen=\"a:1\",permitopen=\"b:2\"",
            "expiry-time=\"20300101\"",
            "environment=\"A=b c\"",
        ] {
            assert_eq!(text.parse::<Options>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn options_that_sshd_would_refuse_are_refused_and_values_not_repeated() {
        for (bad, hint) in [
            ("", "joined by commas"),
            ("restrict,", "joined by commas"),
            ("restrict no-pty", "joined by commas"),
            ("hunter2", "known: "),
            ("no-ptty", "did you mean `no-pty`?"),
            ("form=\"hunter2\"", "did you mean `from`?"),
            ("from=hunter2", "joined by commas"),
            ("from=\"hunter2", "joined by commas"),
            ("from=\"hunter2\\\"", "joined by commas"),
            ("from=\"hunter2\"x", "joined by commas"),
            ("from=\"a\",from=\"hunter2\"", "once"),
            ("from=\"hunter2\n\"", "one line"),
            ("from=\"a\tb\"", "one line"),
            ("expiry-time=\"hunter2\"", "YYYYMMDD"),
            ("cert-authority", "TrustedUserCAKeys"),
        ] {
            let error = bad.parse::<Options>().unwrap_err();
            assert!(error.next_step().is_some_and(|h| h.contains(hint)), "{bad:?}: {error:?}");
            assert!(!format!("{error:?}").contains("hunter2") && error.message().starts_with("an option"), "{error:?}");
        }
    }
}
