//! The data file: vaults with their items, and tokens. `README.md` shows it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::auth::Token;
use crate::generate;
use crate::item::{File, Id, Item};
use crate::store::{Store, Vault, VaultInfo, check_id, timestamp};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    vaults: Vec<DataVault>,
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataVault {
    id: String,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    items: Vec<DataItem>,
}

/// An item in the API's own form, but its files carry what is in them.
#[derive(Deserialize)]
struct DataItem {
    #[serde(default)]
    files: Vec<DataFile>,
    #[serde(flatten)]
    item: Item,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataFile {
    #[serde(default = "generate::id")]
    id: String,
    name: String,
    #[serde(default)]
    section: Option<Id>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    base64: Option<String>,
}

/// Reads and checks a data file. The error says what is wrong, and where.
pub(crate) fn load(text: &str) -> Result<Store, String> {
    let data: Data = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => error.to_string(),
        _ => format!("not JSON at line {}, column {}", error.line(), error.column()),
    })?;
    let mut seen = BTreeSet::new();
    let mut vaults = Vec::new();
    for vault in data.vaults {
        vaults.push(load_vault(vault, &mut seen)?);
    }
    for token in &data.tokens {
        if let Some(id) = token.vaults.keys().find(|id| !seen.contains(*id)) {
            return Err(format!("a token names the vault {id}, which is not there"));
        }
    }
    Ok(Store { vaults, tokens: data.tokens, activity: Vec::new(), awake: false })
}

fn load_vault(data: DataVault, seen: &mut BTreeSet<String>) -> Result<Vault, String> {
    claim(seen, "vault", &data.id)?;
    let now = timestamp();
    let mut vault = Vault {
        info: VaultInfo {
            id: data.id,
            name: data.name,
            description: data.description,
            attribute_version: 1,
            content_version: 1,
            items: 0,
            kind: data.kind.unwrap_or_else(|| "USER_CREATED".to_owned()),
            created_at: now.clone(),
            updated_at: now.clone(),
        },
        items: Vec::new(),
    };
    for DataItem { mut item, files } in data.items {
        if item.id.is_empty() {
            item.id = generate::id();
        }
        claim(seen, "item", &item.id)?;
        item.vault.id.clone_from(&vault.info.id);
        item.version = item.version.max(1);
        for (text, default) in [
            (&mut item.created_at, &now),
            (&mut item.updated_at, &now),
            (&mut item.last_edited_by, &"STANDINUSERSTANDINUSERSTAN".to_owned()),
        ] {
            if text.is_empty() {
                text.clone_from(default);
            }
        }
        for field in item.fields.iter_mut().filter(|field| field.kind.is_empty()) {
            field.kind = "STRING".to_owned();
        }
        for file in files {
            claim(seen, "file", &file.id)?;
            let file = load_file(file, &item)?;
            item.files.push(file);
        }
        vault.place(item);
    }
    Ok(vault)
}

fn load_file(data: DataFile, item: &Item) -> Result<File, String> {
    let problem = |what: &str| format!("file {}: {what}", data.id);
    let bytes = match (data.text, data.base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(text)) => STANDARD.decode(text).map_err(|_| problem("`base64` is not base64"))?,
        _ => return Err(problem("give either `text` or `base64`")),
    };
    Ok(File {
        content_path: format!("/v1/vaults/{}/items/{}/files/{}/content", item.vault.id, item.id, data.id),
        id: data.id,
        name: data.name,
        size: bytes.len(),
        section: data.section,
        content: None,
        bytes,
    })
}

fn claim(seen: &mut BTreeSet<String>, what: &str, id: &str) -> Result<(), String> {
    check_id(what, id).map_err(|_| format!("{what} id {id:?} is not 26 characters [a-z0-9]"))?;
    if seen.insert(id.to_owned()) { Ok(()) } else { Err(format!("the id {id} is there twice")) }
}
