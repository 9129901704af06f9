//! One line of an `authorized_keys` file: options, key, comment.

use crate::base::{Error, Result};
use crate::keys::public::one_line;
use crate::keys::{Options, PublicHalf};
use std::fmt;
use std::str::FromStr;

/// `from="10.0.0.0/8" ssh-ed25519 AAAA… comment`: one line without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedLine {
    /// What stands in front of the key.
    pub options: Option<Options>,
    /// The key and its comment.
    pub public: PublicHalf,
}

impl FromStr for AuthorizedLine {
    type Err = Error;

    /// As sshd does: a key, or else options up to the first blank outside of quotes and then a key.
    fn from_str(text: &str) -> Result<Self> {
        let text = one_line(text)?;
        let bare = PublicHalf::parse(text);
        let first = text.split([' ', '\t']).next().unwrap_or_default();
        let is_kind = ["ssh-", "ecdsa-", "sk-"].iter().any(|start| first.starts_with(start));
        if bare.is_ok() || is_kind {
            return Ok(Self { options: None, public: bare? });
        }
        let Some(end) = end_of_options(text) else { return bare.map(|public| Self { options: None, public }) };
        let public = PublicHalf::parse(&text[end..])?;
        Ok(Self { options: Some(Options::new(&text[..end])?), public })
    }
}

/// Where the options end, by sshd's rule.
fn end_of_options(text: &str) -> Option<usize> {
    let (mut in_quotes, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' | b'\t' if !in_quotes => return Some(at),
            b'"' if !escaped => in_quotes = !in_quotes,
            _ => {}
        }
        escaped = byte == b'\\';
    }
    None
}

impl fmt::Display for AuthorizedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(options) = &self.options {
            write!(f, "{options} ")?;
        }
        self.public.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw";

    #[test]
    fn lines_come_back_as_written() {
        for line in [
            KEY.to_owned(),
            format!("{KEY} ann laptop"),
            format!("restrict {KEY}"),
            format!("from=\"10.0.0.0/8,a b\",command=\"echo \\\"x y\\\"\" {KEY} a, \"b c\" #d"),
        ] {
            assert_eq!(line.parse::<AuthorizedLine>().unwrap().to_string(), line);
        }
        let blanks = format!("restrict \t {KEY}");
        assert_eq!(blanks.parse::<AuthorizedLine>().unwrap().to_string(), format!("restrict {KEY}"));
    }

    #[test]
    fn what_is_wrong_is_said_of_the_right_part() {
        for (line, message) in [
            (format!("restrct {KEY}"), "an option is none"),
            (format!("from=\"a b {KEY}"), "that is not an SSH public key"),
            ("restrict ssh-ed25519 hunter2".into(), "that is not an SSH public key"),
            ("ssh-dss AAAA x".into(), "that is a DSA key"),
            ("restrict".into(), "that is not an SSH public key"),
            (format!("from=\"a\tb\" {KEY}"), "an option has a control character"),
        ] {
            let error = line.parse::<AuthorizedLine>().unwrap_err();
            assert!(error.message().starts_with(message), "{line}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_taken_is_one_line_that_comes_back(text in "[a-z\"\\\\, =\t-]{0,24}( ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI\\+OIjzO1q\\+FZ0NQ8rPF620EHEERr2g\\+Ejcw)?[a-z\"# \t]{0,9}") {
            if let Ok(line) = text.parse::<AuthorizedLine>() {
                let written = line.to_string();
                assert!(!written.contains(char::is_control));
                assert_eq!(written.parse::<AuthorizedLine>().unwrap(), line);
            }
        }
    }
}
