//! An item as it travels, both ways. Reading is lenient, as Connect's is: unknown keys are dropped, all are optional.

use serde::{Deserialize, Serialize};

/// A full item; an overview is one without sections, fields and files.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) title: String,
    pub(crate) vault: Id,
    pub(crate) category: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) urls: Vec<Url>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) favorite: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    pub(crate) version: u64,
    /// `ARCHIVED` or `DELETED`; an active item has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) last_edited_by: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sections: Vec<Section>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty", skip_deserializing)]
    pub(crate) files: Vec<File>,
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Id {
    pub(crate) id: String,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Url {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    primary: bool,
    href: String,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Section {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Field {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) section: Option<Id>,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) purpose: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) value: String,
    #[serde(skip_serializing)]
    pub(crate) generate: bool,
    #[serde(skip_serializing)]
    pub(crate) recipe: Option<Recipe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entropy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub(crate) totp: Option<String>,
}

/// What a generated value is made of.
#[derive(Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Recipe {
    pub(crate) length: usize,
    pub(crate) character_sets: Vec<String>,
    pub(crate) exclude_characters: String,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { length: 32, character_sets: Vec::new(), exclude_characters: String::new() }
    }
}

#[derive(Clone, Serialize)]
pub(crate) struct File {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) content_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) section: Option<Id>,
    /// In base64; only in an answer to `inline_files=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
    #[serde(skip)]
    pub(crate) bytes: Vec<u8>,
}

impl Item {
    /// As a list of items shows it.
    pub(crate) fn overview(&self) -> Self {
        Self { sections: Vec::new(), fields: Vec::new(), files: Vec::new(), ..self.clone() }
    }

    /// As a read of the item shows it: one-time passwords are computed now.
    pub(crate) fn full(&self) -> Self {
        let mut item = self.clone();
        for field in item.fields.iter_mut().filter(|field| field.kind == "OTP") {
            field.totp = crate::totp::now(&field.value);
        }
        item
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
