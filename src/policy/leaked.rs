//! `policies/leaked-keys.txt`: fingerprints of SSH keys whose private halves were found in git.

use crate::base::{Error, Result, files};
use crate::manifest::Repository;
use ssh_key::Fingerprint;
use std::collections::BTreeMap;

/// The list, from the repository's root: a line for each key, `SHA256:…` and where it was found.
pub const LEAKED_FILE: &str = "policies/leaked-keys.txt";

const MAX_FILE: usize = 16 * 1024 * 1024;

/// The fingerprints, each with what stands behind it; none when there is no file.
///
/// # Errors
/// When the file cannot be read, or a line is not a fingerprint: a key that is meant must not slip through.
pub(super) fn read(repository: &Repository) -> Result<BTreeMap<String, String>> {
    let Some(bytes) = files::read(&repository.file(LEAKED_FILE), MAX_FILE)? else { return Ok(BTreeMap::new()) };
    let text = String::from_utf8(bytes).map_err(|_| Error::new(format!("{LEAKED_FILE} is not UTF-8 text")))?;
    parse(&text)
}

fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (fingerprint, place) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let known = fingerprint.parse::<Fingerprint>().is_ok_and(Fingerprint::is_sha256);
        if !known {
            return Err(Error::new(format!("{LEAKED_FILE}:{}: that is not a fingerprint", at + 1))
                .hint("a line is `SHA256:…` as `ssh-keygen -l -f KEY` shows it, and where the key was found"));
        }
        found.insert(fingerprint.to_owned(), place.trim().to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_fingerprint_and_a_place_and_anything_else_an_error() {
        let one = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8";
        let found = parse(&format!("# mine\n\n  {one}  id_rsa of 1a2b3c\n")).unwrap();
        assert_eq!(found[one], "id_rsa of 1a2b3c");
        for bad in ["hunter2", "SHA256:hunter2", "MD5:aa:bb", "ssh-ed25519 AAAA"] {
            let error = parse(&format!("{one}\n{bad}\n")).unwrap_err();
            assert!(error.message().starts_with("policies/leaked-keys.txt:2: "), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
