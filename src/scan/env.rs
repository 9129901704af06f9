//! Files of environment variables: `.env` and its like, one `NAME=VALUE` to a line.

use crate::scan::found::Found;
use crate::scan::kind::ENV_SECRET;
use crate::scan::literal::{is_placeholder, is_reference};
use regex::Regex;
use std::sync::LazyLock;

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*("[^"\n]*"|'[^'\n]*'|[^\r\n]*)"#)
        .expect("right")
});
/// The password of `scheme://user:password@host`.
static URL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[a-z][a-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@[^\s@]").expect("right"));

/// The endings of names whose values are secrets.
const NAMES: [&str; 14] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "APIKEY",
    "API_KEY",
    "SECRETKEY",
    "SECRET_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "AUTH_KEY",
    "AUTHKEY",
    "ENCRYPTION_KEY",
];

/// Whether a file of this name is one of environment variables.
pub(super) fn is_env(file_name: &[u8]) -> bool {
    file_name.starts_with(b".env") && matches!(file_name.get(4), None | Some(b'.' | b'-' | b'_' | b'r'))
        || file_name.ends_with(b".env")
}

/// The secrets in such a file.
pub(super) fn find(text: &str) -> Vec<Found> {
    LINE.captures_iter(text)
        .filter_map(|captures| {
            let (name, written) = (captures.get(1)?.as_str(), captures.get(2)?);
            let value = bare(written.as_str());
            if is_reference(value) || is_placeholder(value) {
                return None;
            }
            let upper = name.to_ascii_uppercase().replace('.', "_");
            if NAMES.iter().any(|end| upper.ends_with(end)) {
                return Some(Found::guessable(&ENV_SECRET, written.range(), value.as_bytes(), name));
            }
            let password = URL.captures(value)?.get(1)?.as_str();
            let good = !is_reference(password) && !is_placeholder(password);
            good.then(|| Found::guessable(&ENV_SECRET, written.range(), password.as_bytes(), name))
        })
        .collect()
}

/// The value without quotes, and without a comment behind it.
fn bare(written: &str) -> &str {
    let written = written.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = written.strip_prefix(quote) {
            return inner.strip_suffix(quote).unwrap_or(inner).trim();
        }
    }
    let end = written.find(" #").or_else(|| written.starts_with('#').then_some(0));
    end.map_or(written, |end| written[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> Vec<String> {
        find(text).into_iter().map(|found| found.masked).collect()
    }

    #[test]
    fn names_of_such_files() {
        for name in [".env", ".env.production", ".envrc", "prod.env", ".env-web"] {
            assert!(is_env(name.as_bytes()), "{name}");
        }
        assert!(!is_env(b"environment") && !is_env(b".environment") && !is_env(b"env.nix"));
    }

    #[test]
    fn secrets_are_found_and_references_are_not() {
        let text = "# TOKEN=comment\nexport API_TOKEN=hunter2 # mine\nDB_PASSWORD='correct horse battery'\nA=b\n\
                    X_TOKEN=op://v/i/f\nY_TOKEN=${Z}\nZ_TOKEN=\nW_SECRET=changeme\nTOKEN_TTL=3600\nMY_TOKEN_FILE=/run/x\n\
                    DATABASE_URL=postgres://joe:s3cretpw@db/x\nOTHER_URL=postgres://joe:$PW@db/x\nQ_SECRET=# nothing\n";
        let found = masked(text);
        let all = [
            "API_TOKEN = … (fewer than 8 characters)",
            "DB_PASSWORD = … (16 characters or more)",
            "DATABASE_URL = … (8 to 15 characters)",
        ];
        assert_eq!(found, all);
    }
}
