//! The address of one value: `op://vault/item/[section/]field[?query]` or `age:NAME`.

use crate::base::{Error, Result, SecretName};
use serde::{Deserialize, Serialize};
use std::fmt;

const SHAPE: &str = "write op://vault/item/field, op://vault/item/section/field, or age:NAME";
const QUERIES: &str = "one of ?attribute=otp, ?attribute=totp and ?ssh-format=openssh may follow the field";

/// The address of one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reference {
    /// A field or file of a 1Password item.
    Op(OpReference),
    /// A local age file.
    Age(SecretName),
}

/// The address of a field or file in 1Password. Each part is a name or an id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpReference {
    /// The vault.
    pub vault: String,
    /// The item in it.
    pub item: String,
    /// The section of the item, when one was named.
    pub section: Option<String>,
    /// The field or file.
    pub field: String,
    /// What to make of the field's value.
    pub query: Option<Query>,
}

/// What a reference wants other than the plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Query {
    /// `attribute=otp`: the current one-time password.
    Otp,
    /// `attribute=totp`: the same.
    Totp,
    /// `ssh-format=openssh`: the private key in OpenSSH's format.
    OpenSsh,
}

impl Query {
    /// The query as it stands after the `?`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Otp => "attribute=otp",
            Self::Totp => "attribute=totp",
            Self::OpenSsh => "ssh-format=openssh",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        [Self::Otp, Self::Totp, Self::OpenSsh].into_iter().find(|q| q.as_str() == text).ok_or_else(|| {
            let several = text.contains(['&', '?']);
            Error::new(if several { "a reference has more than one query" } else { "a reference has an unknown query" })
                .hint(QUERIES)
        })
    }
}

impl Reference {
    /// Parses a reference.
    ///
    /// # Errors
    /// When it has another shape. The message does not repeat it: a misplaced secret may stand there.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(rest) = text.strip_prefix("op://") {
            return OpReference::parse(rest).map(Self::Op);
        }
        if let Some(name) = text.strip_prefix("age:") {
            return SecretName::new(name).map(Self::Age).map_err(|e| e.context("a reference to an age file"));
        }
        let start = text.split(':').next().unwrap_or_default();
        let known = start.eq_ignore_ascii_case("op") || start.eq_ignore_ascii_case("age");
        Err(Error::new("that is not a reference").hint(if known {
            "references start with op:// or age: in small letters"
        } else {
            SHAPE
        }))
    }
}

impl OpReference {
    /// Parses what follows `op://`.
    fn parse(text: &str) -> Result<Self> {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(Query::parse(query)?)),
            None => (text, None),
        };
        let parts: Vec<&str> = path.split('/').collect();
        for part in &parts {
            check(part)?;
        }
        let owned = |part: &str| part.to_owned();
        match parts[..] {
            [vault, item, field] => {
                Ok(Self { vault: owned(vault), item: owned(item), section: None, field: owned(field), query })
            }
            [vault, item, section, field] => Ok(Self {
                vault: owned(vault),
                item: owned(item),
                section: Some(owned(section)),
                field: owned(field),
                query,
            }),
            _ => Err(Error::new(format!("a reference has {} parts, not three or four", parts.len())).hint(SHAPE)),
        }
    }
}

/// One part: a name or an id.
fn check(part: &str) -> Result<()> {
    if part.trim().is_empty() {
        return Err(Error::new("a reference has an empty part").hint(SHAPE));
    }
    if part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.- ".contains(&b)) {
        return Ok(());
    }
    Err(Error::new("a reference has a character that no name in it may have")
        .hint("names hold letters, digits, '_', '.', '-' and spaces; write the id in place of any other name"))
}

impl fmt::Display for OpReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op://{}/{}/", self.vault, self.item)?;
        if let Some(section) = &self.section {
            write!(f, "{section}/")?;
        }
        f.write_str(&self.field)?;
        self.query.map_or(Ok(()), |query| write!(f, "?{}", query.as_str()))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Op(op) => op.fmt(f),
            Self::Age(name) => write!(f, "age:{name}"),
        }
    }
}

impl std::str::FromStr for Reference {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Reference {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_references_come_back_as_written() {
        for text in [
            "op://pantherOS/tailscale/authKey",
            "op://a b/c.d/e_f/g-h",
            "op://v/i/one-time password?attribute=otp",
            "op://v/i/s/f?attribute=totp",
            "op://v/key/private key?ssh-format=openssh",
            "age:tailscale-auth-key",
        ] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn four_parts_name_a_section() {
        let Reference::Op(four) = Reference::parse("op://v/i/s/f").unwrap() else { panic!() };
        assert_eq!((four.section.as_deref(), four.field.as_str()), (Some("s"), "f"));
        let Reference::Op(three) = Reference::parse("op://v/i/f").unwrap() else { panic!() };
        assert_eq!((three.section.as_deref(), three.field.as_str()), (None, "f"));
    }

    #[test]
    fn bad_references_say_what_to_write_and_repeat_nothing() {
        for (text, message) in [
            ("hunter2", "that is not a reference"),
            ("", "that is not a reference"),
            ("OP://hunter2/i/f", "that is not a reference"),
            ("op:hunter2", "that is not a reference"),
            ("op://hunter2/i", "a reference has 2 parts, not three or four"),
            ("op://hunter2/i/s/f/x", "a reference has 5 parts, not three or four"),
            ("op://hunter2//f", "a reference has an empty part"),
            ("op://hunter2/ /f", "a reference has an empty part"),
            ("op://hunter2/i/f/", "a reference has an empty part"),
            ("op://hunter2/i/f?", "a reference has an unknown query"),
            ("op://v/i/f?attribute=hunter2", "a reference has an unknown query"),
            ("op://v/i/f?attribute=otp&attribute=otp", "a reference has more than one query"),
            ("op://v/i/f?attribute=otp&ssh-format=openssh", "a reference has more than one query"),
            ("op://v/i/hunter2\n", "a reference has a character that no name in it may have"),
            ("op://v/i/hunter2%20", "a reference has a character that no name in it may have"),
            ("op://v/ä/hunter2", "a reference has a character that no name in it may have"),
            ("age:../hunter2", "a reference to an age file: that is not a secret name"),
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert_eq!(error.message(), message, "{text:?}");
            assert!(!error.next_step().expect("a hint").contains("hunter2"));
        }
    }

    #[test]
    fn serde_uses_the_same_text() {
        let read: Reference = serde_json::from_str("\"op://v/i/f\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"op://v/i/f\"");
        assert!(serde_json::from_str::<Reference>("\"op://v/i\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_reference_is_read_as_it_is_displayed(
            parts in proptest::collection::vec("[A-Za-z0-9_. -]{0,9}[A-Za-z0-9_.-][A-Za-z0-9_. -]{0,9}", 3..5),
            query in proptest::option::of(proptest::sample::select(vec![Query::Otp, Query::Totp, Query::OpenSsh])),
        ) {
            let section = (parts.len() == 4).then(|| parts[2].clone());
            let (vault, item, field) = (parts[0].clone(), parts[1].clone(), parts[parts.len() - 1].clone());
            let reference = Reference::Op(OpReference { vault, item, section, field, query });
            assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
        }

        #[test]
        fn whatever_is_taken_comes_back_as_written(text in "(op://|age:)[a-z./? =-]{0,30}") {
            if let Ok(reference) = Reference::parse(&text) {
                assert_eq!(reference.to_string(), text);
            }
        }
    }
}
