//! From a field to the bytes that a reference asks for.

use super::model::{Field, Text, shown};
use super::sshkey;
use crate::base::{Error, Result, SecretBytes};
use crate::source::Query;

/// The bytes of a field, unchanged unless the query asks for something else.
pub(super) fn of_field(field: &Field, query: Option<Query>) -> Result<SecretBytes> {
    match query {
        None => plain(field).map(|value| SecretBytes::copy_of(value.expose())),
        Some(Query::OpenSsh) => sshkey::to_openssh(plain(field)?.expose()),
        Some(Query::Otp | Query::Totp) => code(field),
    }
}

/// The bytes of a file.
pub(super) fn of_file(name: &str, content: &SecretBytes, query: Option<Query>) -> Result<SecretBytes> {
    match query {
        Some(Query::Otp | Query::Totp) => {
            Err(Error::new(format!("\"{}\" is a file, which has no one-time password", shown(name)))
                .hint("leave ?attribute=… out, or let the reference name the one-time password's field"))
        }
        _ if content.is_empty() => Err(empty(name)),
        Some(Query::OpenSsh) => sshkey::to_openssh(content.expose()),
        None => Ok(SecretBytes::copy_of(content.expose())),
    }
}

fn plain(field: &Field) -> Result<&SecretBytes> {
    field.value.get().ok_or_else(|| match field.value {
        Text::Other => Error::new(format!("field \"{}\" holds something that is not text", name(field)))
            .hint("put the value into a text or password field of its own"),
        _ => empty(&name(field)),
    })
}

fn code(field: &Field) -> Result<SecretBytes> {
    match field.totp.get() {
        Some(code) => Ok(SecretBytes::copy_of(code.expose())),
        None if field.kind.eq_ignore_ascii_case("otp") => {
            Err(Error::new(format!("Connect gave no current code for field \"{}\"", name(field)))
                .hint("look in 1Password whether the one-time password is set up there"))
        }
        None => Err(Error::new(format!("field \"{}\" is not a one-time password", name(field)))
            .hint("leave ?attribute=… out, or let the reference name the one-time password's field")),
    }
}

/// An empty secret is never delivered: it would look like a working one.
fn empty(name: &str) -> Error {
    Error::new(format!("\"{}\" is empty", shown(name))).hint("fill it in in 1Password")
}

/// As it may be shown.
fn name(field: &Field) -> String {
    shown(if field.label.is_empty() { &field.id } else { &field.label })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(json: serde_json::Value) -> Field {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn values_come_unchanged() {
        for text in ["hunter2", " a\r\n\n", "\u{e4}\"\\\t"] {
            let field = field(serde_json::json!({"id": "a", "value": text}));
            assert_eq!(of_field(&field, None).unwrap().expose(), text.as_bytes());
        }
        assert_eq!(of_file("f", &SecretBytes::copy_of(&[0, 255]), None).unwrap().expose(), [0, 255]);
    }

    #[test]
    fn nothing_empty_is_delivered() {
        for json in [r#"{"label": "a"}"#, r#"{"label": "a", "value": ""}"#, r#"{"label": "a", "value": null}"#] {
            let error = of_field(&serde_json::from_str(json).unwrap(), None).unwrap_err();
            assert_eq!(error.message(), "\"a\" is empty");
        }
        assert!(of_file("f", &SecretBytes::copy_of(b""), None).is_err());
    }

    #[test]
    fn a_code_comes_only_from_a_one_time_password() {
        let otp = field(serde_json::json!({"label": "a", "type": "OTP", "value": "otpauth://x", "totp": "123456"}));
        assert_eq!(of_field(&otp, Some(Query::Otp)).unwrap().expose(), b"123456");
        assert_eq!(of_field(&otp, Some(Query::Totp)).unwrap().expose(), b"123456");
        assert_eq!(of_field(&otp, None).unwrap().expose(), b"otpauth://x");
        let not = field(serde_json::json!({"label": "a", "type": "STRING", "value": "x"}));
        assert_eq!(of_field(&not, Some(Query::Otp)).unwrap_err().message(), "field \"a\" is not a one-time password");
        assert!(of_file("f", &SecretBytes::copy_of(b"x"), Some(Query::Otp)).is_err());
    }
}
