//! Names of other tools as names of pkeys.

use crate::base::SecretName;

/// A name with what pkeys does not take replaced: `db/password` becomes `db-password`.
pub(super) fn secret_name(name: &str) -> Option<SecretName> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let all: String = name.chars().map(plain).collect();
    SecretName::new(all.trim_start_matches(['.', '-', '_'])).ok()
}

/// A name as an attribute in Nix: in quotes where it must be.
pub(super) fn attribute(name: &str) -> String {
    let mut letters = name.chars();
    let plain = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || "_-'".contains(c));
    if plain { name.into() } else { string(name) }
}

/// A text as a string in Nix.
pub(super) fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_names_of_pkeys() {
        for (name, expected) in [("a", "a"), ("db/password", "db-password"), (".env", "env"), ("a b$c", "a-b-c")] {
            assert_eq!(secret_name(name).unwrap().as_str(), expected);
        }
        assert!(secret_name("///").is_none());
        assert_eq!(attribute("a-b'"), "a-b'");
        assert_eq!(attribute("a.b"), "\"a.b\"");
        assert_eq!(string("a\"${b}\\"), r#""a\"\${b}\\""#);
    }
}
