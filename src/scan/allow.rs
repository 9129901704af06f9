//! `.pkeys-scan-ignore`: what may stay, each with its reason.
//!
//! One entry to a line: `PATH KIND  # reason`, or `PATH KIND FINGERPRINT  # reason`. A path that ends in `/` is a folder
//! with all in it. No entry can name a password's hash: anybody who reads the file could try passwords against it.

use crate::base::{Error, Result, error::did_you_mean};
use crate::scan::kind::Kind;

/// The allow-list's name, at the top of the repository.
pub const ALLOW_FILE: &str = ".pkeys-scan-ignore";

/// One line of the allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The line, from 1.
    pub line: usize,
    /// A file from the top of the repository; a folder where it ends in `/`.
    pub path: String,
    /// The kind's name.
    pub kind: &'static str,
    /// This one only.
    pub fingerprint: Option<String>,
    /// Why it may stay.
    pub reason: String,
}

impl Allowed {
    /// Whether it lets this pass.
    pub fn allows(&self, path: &str, kind: &Kind, fingerprint: Option<&str>) -> bool {
        let place = if self.path.ends_with('/') { path.starts_with(&self.path) } else { path == self.path };
        place && self.kind == kind.name && self.fingerprint.as_deref().is_none_or(|only| fingerprint == Some(only))
    }
}

/// Reads an allow-list.
///
/// # Errors
/// With the number of the first line that is not as it should be.
pub(super) fn parse(text: &str) -> Result<Vec<Allowed>> {
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            all.push(entry(number + 1, line).map_err(|e| e.context(format!("{ALLOW_FILE}:{}", number + 1)))?);
        }
    }
    Ok(all)
}

fn entry(number: usize, line: &str) -> Result<Allowed> {
    let shape = "write `PATH KIND  # reason`, as docs/scan.md says";
    let split = line.split_once(" #").or_else(|| line.split_once("\t#"));
    let (entry, reason) = split.map_or((line, ""), |(entry, reason)| (entry.trim(), reason.trim()));
    if reason.is_empty() {
        return Err(Error::new("an entry without a reason").hint(shape));
    }
    let (path, last) = entry.rsplit_once(char::is_whitespace).ok_or_else(|| Error::new("no kind").hint(shape))?;
    let is_fingerprint = last.starts_with("SHA256:") || last.starts_with("age1");
    let (path, kind, fingerprint) = match path.trim_end().rsplit_once(char::is_whitespace) {
        Some((path, kind)) if is_fingerprint => (path, kind, Some(last.to_owned())),
        _ => (path, last, None),
    };
    let kind = Kind::named(kind).ok_or_else(|| {
        let near = did_you_mean(kind, Kind::all().map(|kind| kind.name));
        Error::new("not a kind of finding")
            .hint(near.map_or_else(|| shape.into(), |near| format!("did you mean {near}?")))
    })?;
    let path = path.trim().trim_start_matches("./");
    if path.is_empty() || path.starts_with('/') {
        return Err(Error::new("not a path from the top of the repository").hint(shape));
    }
    Ok(Allowed { line: number, path: path.into(), kind: kind.name, fingerprint, reason: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::kind::{AGE_KEY, NIX_PASSWORD, SSH_KEY};

    #[test]
    fn entries_are_paths_kinds_and_reasons() {
        let text = "# ours\n\ntests/keys/ ssh-private-key  # made for tests\nmy file.nix nix-password # a VM\n\
                    k ssh-private-key SHA256:abc # old\n";
        let all = parse(text).unwrap();
        assert_eq!(all.iter().map(|one| one.line).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(all[0].allows("tests/keys/a/b", &SSH_KEY, None) && !all[0].allows("tests/keys", &SSH_KEY, None));
        assert!(!all[0].allows("tests/keys/a", &AGE_KEY, None));
        assert!(all[1].allows("my file.nix", &NIX_PASSWORD, None) && all[1].reason == "a VM");
        assert!(all[2].allows("k", &SSH_KEY, Some("SHA256:abc")) && !all[2].allows("k", &SSH_KEY, Some("SHA256:x")));
        assert!(!all[2].allows("k", &SSH_KEY, None));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, message) in [
            ("\na ssh-private-key", "2: an entry without a reason"),
            ("a ssh-private-key #", "1: an entry without a reason"),
            ("a # why", "1: no kind"),
            ("a ssh-private-kex # why", "1: not a kind of finding"),
            ("/etc/a ssh-private-key # why", "1: not a path from the top of the repository"),
        ] {
            assert_eq!(parse(text).unwrap_err().message(), format!("{ALLOW_FILE}:{message}"));
        }
    }
}
