//! What Connect answers, read leniently: unknown keys, kinds and categories pass, `null` means absent.

use crate::base::SecretBytes;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A vault that the token sees.
#[derive(Debug, Deserialize)]
pub(super) struct Vault {
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) name: String,
}

/// An item without its fields, as a list of items holds it.
#[derive(Debug, Deserialize)]
pub(super) struct Overview {
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) title: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) category: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) tags: Vec<String>,
    pub(super) version: Option<u64>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) state: String,
}

/// A whole item.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) title: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) category: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) tags: Vec<String>,
    pub(super) version: Option<u64>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) state: String,
    pub(super) vault: Option<Id>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) sections: Vec<Section>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) fields: Vec<Field>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) files: Vec<File>,
}

/// Something named by its id.
#[derive(Debug, Deserialize)]
pub(super) struct Id {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) id: String,
}

/// A section of an item; also what a field says of its section.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Section {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) label: String,
}

/// A field of an item.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Field {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) id: String,
    pub(super) section: Option<Section>,
    /// Any text: kinds appear on the wire that no document names.
    #[serde(default, deserialize_with = "nullable", rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) label: String,
    #[serde(default)]
    pub(super) value: Text,
    #[serde(default)]
    pub(super) totp: Text,
}

/// A file of an item. Its address is put together from ids: `content_path` was wrong in old releases.
#[derive(Debug, Default, Deserialize)]
pub(super) struct File {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) section: Option<Section>,
}

/// Whether an item's `state` stands in the way of reading it.
pub(super) fn is_put_away(state: &str) -> bool {
    !state.is_empty() && !state.eq_ignore_ascii_case("active")
}

/// Connect's own form of an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    #[expect(dead_code, reason = "a body without it is not Connect's")]
    status: u16,
    pub(super) message: String,
}

/// A JSON text as it came, wiped when dropped. For what is sent back with parts that nobody here knows.
pub(super) struct Raw(pub(super) serde_json::Value);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Wipes every text in a JSON value.
fn wipe(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => zeroize::Zeroize::zeroize(text),
        serde_json::Value::Array(all) => all.iter_mut().for_each(wipe),
        serde_json::Value::Object(all) => all.values_mut().for_each(wipe),
        _ => {}
    }
}

/// A secret text on the wire.
#[derive(Debug, Default)]
pub(super) enum Text {
    /// Nothing, or `null`.
    #[default]
    Absent,
    /// A text.
    Is(SecretBytes),
    /// Something that is not a text.
    Other,
}

impl Text {
    /// The text, where there is one that is not empty.
    pub(super) fn get(&self) -> Option<&SecretBytes> {
        match self {
            Self::Is(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text::Is(SecretBytes::copy_of(text.as_bytes())))
    }
    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(Text::Is(text.into()))
    }
    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::Absent)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text::Other)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text::Other)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::Other)
    }
}

fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A name from the server, fit for a terminal and of bounded length.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let clean: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if clean.is_empty() { "(no name)".into() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_and_categories_and_missing_parts_pass() {
        let item: Item = serde_json::from_str(
            r#"{"id": "i", "category": "SOMETHING_NEW", "vault": {"id": "v"}, "version": 3, "files": null, "new": [1],
                "fields": [{"id": "a", "type": "SOMETHING_NEW", "value": "hunter2"}, {"id": "b", "section": null},
                           {"id": "c", "value": null}, {"id": "d", "value": {"street": 1}}, {"id": "e", "value": ""}]}"#,
        )
        .unwrap();
        assert_eq!(item.fields[0].value.get().unwrap().expose(), b"hunter2");
        assert!(item.fields[1..].iter().all(|f| f.value.get().is_none()));
        assert!(matches!(item.fields[3].value, Text::Other));
        assert!(!format!("{item:?}").contains("hunter2"));
        assert!(item.files.is_empty() && item.sections.is_empty());
    }

    #[test]
    fn only_connects_own_form_is_an_error_message() {
        assert!(serde_json::from_str::<Refusal>(r#"{"status": 401, "message": "Invalid token"}"#).is_ok());
        assert!(serde_json::from_str::<Refusal>(r#"{"status": 401, "message": "x", "echo": "y"}"#).is_err());
        assert!(serde_json::from_str::<Refusal>(r#"{"message": "x"}"#).is_err());
    }

    #[test]
    fn names_are_made_fit_for_a_terminal() {
        assert_eq!(shown("a\u{1b}[31mb\n"), "a[31mb");
        assert_eq!(shown(&"x".repeat(300)).len(), 200);
    }
}
