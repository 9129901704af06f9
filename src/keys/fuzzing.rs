//! Fuzzing of `keys.toml` and of lines as `authorized_keys` has them.

use super::{AuthorizedLine, UserKeys};
use pkeys_bundle::fuzzing::needle::{discreet, each_text};

/// What is read is written so that the same is read again, and byte for byte the same is written.
pub fn keys_toml(bytes: &[u8]) {
    each_text(bytes, |text| match UserKeys::parse(text) {
        Err(error) => discreet(&error),
        Ok((keys, lines)) => {
            assert_eq!(lines.len(), keys.all().len());
            assert!(lines.iter().all(|(_, line)| (1..=text.lines().count()).contains(line)));
            let written = keys.to_text();
            let (again, _) = UserKeys::parse(&written).expect("what was written is read");
            assert_eq!(again, keys);
            assert_eq!(again.to_text(), written);
        }
    });
}

/// A line that is taken is one line, and comes back as the same options, key and comment.
pub fn authorized_line(bytes: &[u8]) {
    each_text(bytes, |text| match text.parse::<AuthorizedLine>() {
        Err(error) => discreet(&error),
        Ok(line) => {
            let written = line.to_string();
            assert!(!written.contains(char::is_control), "it is more than one line");
            let again: AuthorizedLine = written.parse().expect("what was written is read");
            assert_eq!(again, line);
            assert_eq!(again.to_string(), written);
        }
    });
}
