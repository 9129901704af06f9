//! Which literals are no secrets: references to where one is, and words that stand for one.

use crate::scan::found::entropy;

/// What references begin with: 1Password, paths, the shell, templates, sops, wpa_supplicant.
const REFERENCES: [&str; 17] = [
    "op://",
    "age:",
    "/",
    "./",
    "../",
    "~/",
    "${",
    "$(",
    "$__",
    "{{",
    "%{",
    "ENC[",
    "ext:",
    "file:",
    "vault:",
    "env:",
    "-----BEGIN",
];
const WORDS: [&str; 24] = [
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "password",
    "secret",
    "token",
    "dummy",
    "redacted",
    "todo",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "required",
    "optional",
    "sufficient",
    "prompt",
    "ask",
    "unset",
    "disabled",
];

/// Whether the value says where the secret is, or that there is none.
pub(super) fn is_reference(value: &str) -> bool {
    let value = value.trim();
    let wrapped = |left, right| value.starts_with(left) && value.ends_with(right) && value.len() > 1;
    let variable = value
        .strip_prefix('$')
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    value.is_empty()
        || variable
        || wrapped('@', '@')
        || wrapped('<', '>')
        || wrapped('%', '%')
        || REFERENCES.iter().any(|start| value.starts_with(start))
}

/// Whether the value only stands for a secret, as in an example.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim().to_ascii_lowercase();
    let first = value.chars().next();
    WORDS.contains(&value.as_str())
        || value.chars().all(|c| Some(c) == first || c == '-')
        || ["your", "my-", "my_", "insert", "replace"].iter().any(|start| value.starts_with(start))
        || ["changeme", "change_me", "change-me", "example", "placeholder", "_here", "-here"]
            .iter()
            .any(|part| value.contains(part))
}

/// Whether the value looks drawn by a machine: one run of 16 characters with digits and letters, and no words.
pub(super) fn is_random(value: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "+/=_.-".contains(c);
    let run = |part: &str| {
        part.len() >= 16
            && part.bytes().filter(u8::is_ascii_digit).count() >= 2
            && part.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    value.chars().all(good) && value.split(['-', '_', '.', '/']).any(run) && entropy(value.as_bytes()) >= 3.3
}

/// Whether the value is a password's hash as crypt(3) writes it, or as LDAP does.
pub(super) fn is_hash(value: &str) -> bool {
    let crypt = value.strip_prefix('$').and_then(|rest| rest.split_once('$'));
    let scheme =
        |id: &str| !id.is_empty() && id.len() <= 12 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    crypt.is_some_and(|(id, rest)| scheme(id) && rest.len() >= 8)
        || ["{SSHA", "{SHA", "{CRYPT}", "{PBKDF2"].iter().any(|start| value.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_placeholders_are_no_secrets() {
        for value in [
            "",
            "op://v/i/f",
            "$TOKEN",
            "${TOKEN}",
            "$(cat x)",
            "/run/secrets/x",
            "@PW@",
            "<token>",
            "ENC[AES256_GCM,x]",
        ] {
            assert!(is_reference(value), "{value}");
        }
        for value in ["changeme", "xxxxxxxx", "********", "your-token-here", "EXAMPLE-KEY", "null", "password"] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["hunter2", "$6$salt$hash", "$y$j9T$salt$hash", "correct horse", "p@ss@"] {
            assert!(!is_reference(value) && !is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn names_are_not_random_and_keys_are() {
        for value in ["tailscale-auth-key-01", "my secret", "secrets/web/token2", "aaaaaaaaaaaaaaaa11"] {
            assert!(!is_random(value), "{value}");
        }
        assert!(is_random("q8Zr3xWm7Tk1Vb5Nc9Ld") && is_random("yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="));
    }

    #[test]
    fn hashes_of_passwords_are_known() {
        for value in ["$6$abc$0123456789", "$y$j9T$0123456789", "$2b$12$0123456789", "{SSHA}abcdef"] {
            assert!(is_hash(value), "{value}");
        }
        assert!(!is_hash("$HOME") && !is_hash("hunter2"));
    }
}
