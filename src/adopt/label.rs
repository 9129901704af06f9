//! What a key is to be called.

use crate::base::KeyLabel;
use crate::keys::PublicHalf;

const MAX_LABEL: usize = 40;

/// From the comment in front of a key (`# Yoga laptop`), else from the key's own (`ann@yoga`), else from its fingerprint.
pub(super) fn label(comment: Option<&str>, public: &PublicHalf) -> KeyLabel {
    let own = public.comment();
    comment
        .and_then(slug)
        .or_else(|| of_login(own).and_then(slug))
        .or_else(|| slug(own))
        .or_else(|| slug(&format!("key-{}", fingerprint(public))))
        .expect("a fingerprint has letters")
}

/// The machine of `ann@yoga`; an address of electronic mail is no machine.
fn of_login(comment: &str) -> Option<&str> {
    let (_, machine) = comment.split_once('@')?;
    (!machine.contains(['.', ' '])).then_some(machine)
}

fn fingerprint(public: &PublicHalf) -> String {
    let fingerprint = public.fingerprint().to_string();
    let letters = fingerprint.trim_start_matches("SHA256:").chars().filter(char::is_ascii_alphanumeric);
    letters.take(8).collect()
}

/// Small letters, digits, dots and hyphens; `None` for what is rather a note, or a key that was commented out.
fn slug(text: &str) -> Option<KeyLabel> {
    if text.contains("AAAA") || text.chars().count() > MAX_LABEL {
        return None;
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let all: String = text.chars().map(plain).collect();
    let parts: Vec<_> = all.split('-').filter(|part| !part.is_empty()).collect();
    KeyLabel::new(parts.join("-").trim_matches('.')).ok()
}

/// Whether a comment becomes a label, and need not stay in the file.
pub(super) fn is_label(comment: &str) -> bool {
    slug(comment).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw";

    #[test]
    fn a_label_is_what_a_person_would_call_the_key() {
        for (comment, own, expected) in [
            (Some("Yoga laptop"), "ann@yoga", "yoga-laptop"),
            (None, "ann@yoga", "yoga"),
            (None, "ann@example.org", "ann-example.org"),
            (None, "cardno:000605483362", "cardno-000605483362"),
            (Some("ssh-ed25519 AAAAC3 old"), "phone", "phone"),
            (Some("TODO: replace this one as soon as the other arrives"), "phone", "phone"),
            (Some("…"), "", "key-eq"),
        ] {
            let public = PublicHalf::parse(&format!("{KEY} {own}")).unwrap();
            let label = label(comment, &public);
            assert!(label.as_str().starts_with(expected) || expected == "key-eq", "{label} {expected}");
            if expected == "key-eq" {
                assert!(label.as_str().starts_with("key-") && label.as_str().len() == 12, "{label}");
            }
        }
    }
}
