//! Fuzzing of the scan: it reads whatever is in a repository's history.

use super::content::{Flavour, look};
use pkeys_bundle::fuzzing::needle::{each, said};

/// Finds lie within the text, apart and in order, and what is shown of one repeats no value and stays on its line.
pub fn scan(bytes: &[u8]) {
    each(bytes, |bytes| {
        // What is looked for in others is looked for in these too.
        for flavour in [Flavour::Nix, Flavour::Env, Flavour::Credentials] {
            let content = look(bytes, flavour);
            let (mut end, mut last) = (0, 1);
            for (found, line) in &content.found {
                assert!(end <= found.span.start && found.span.start <= found.span.end && found.span.end <= bytes.len());
                let before = bytes[..found.span.start].iter().filter(|byte| **byte == b'\n').count();
                assert!(*line == before + 1 && last <= *line);
                (end, last) = (found.span.end, *line);
                said(&found.masked);
                found.fingerprint.iter().for_each(|fingerprint| said(fingerprint));
            }
        }
    });
}
