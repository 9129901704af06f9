//! The item that keeps a user's key: from its fields to a record, and back. Pure.
//!
//! The newest key stands in fields outside any section, the others in the sections `previous` and `archived`. Fields are
//! known by section and label, not by id: nobody promises that Connect keeps ids. All other fields are left alone.

use super::model::{Item, Raw, Text, shown};
use super::resolve;
use crate::base::{Error, Result, SecretBytes};
use crate::source::{KeptKey, KeyPlace, KeyRecord, pair};
use serde_json::{Value, json};

/// What tells our items from a person's.
const TAG: &str = "pkeys";
const CATEGORY: &str = "API_CREDENTIAL";
/// The label of the field that references name.
pub(super) const PRIVATE: &str = "private key";
const PUBLIC: &str = "public key";
const FINGERPRINT: &str = "fingerprint";
const CREATED: &str = "created";
const DELETE_AFTER: &str = "delete after";
const LABELS: [&str; 5] = [PRIVATE, PUBLIC, FINGERPRINT, CREATED, DELETE_AFTER];
pub(super) const PREVIOUS: &str = "previous";
const ARCHIVED: &str = "archived";

/// The title of a place's item.
pub(super) fn title(place: &KeyPlace) -> String {
    format!("ssh {} {}", place.user, place.label)
}

/// Refuses an item that pkeys did not make, by what a list of items says of it.
pub(super) fn check(category: &str, tags: &[String], title: &str, id: &str) -> Result<()> {
    let what = format!("item \"{title}\" with id {}", shown(id));
    if category.eq_ignore_ascii_case("SSH_KEY") {
        return Err(Error::new(format!("{what} is an SSH key item, which a write through Connect would damage"))
            .hint("rename it in 1Password: pkeys keeps the key in an item of its own with that title"));
    }
    if !category.eq_ignore_ascii_case(CATEGORY) || !tags.iter().any(|tag| tag == TAG) {
        return Err(Error::new(format!("{what} was not made by pkeys, so it is left alone")).hint(
            "rename it in 1Password; if pkeys made it, give it back the category API credential and the tag \"pkeys\"",
        ));
    }
    Ok(())
}

/// What an item keeps.
pub(super) fn record(item: &Item) -> Result<KeyRecord> {
    let broken = |e: Error| {
        e.context(format!("item \"{}\" is not as pkeys wrote it", shown(&item.title)))
            .hint("restore an earlier version of it in 1Password, or rename it there so that pkeys makes another")
    };
    let archived = key(item, Some(ARCHIVED)).and_then(|key| {
        let after = text(item, Some(ARCHIVED), DELETE_AFTER)?;
        key.map(|key| Ok((key, after.ok_or_else(|| missing(Some(ARCHIVED), DELETE_AFTER))?))).transpose()
    });
    let record = KeyRecord {
        current: key(item, None).map_err(broken)?,
        previous: key(item, Some(PREVIOUS)).map_err(broken)?,
        archived: archived.map_err(broken)?,
    };
    pair::check_record(&record).map_err(broken)?;
    Ok(record)
}

/// Whether an item holds something that is not ours to delete.
pub(super) fn holds_more(item: &Item) -> bool {
    let says = |at: usize| matches!(item.fields[at].value, Text::Other) || item.fields[at].value.get().is_some();
    !item.files.is_empty() || (0..item.fields.len()).any(|at| !is_ours(item, at) && says(at))
}

/// An item to make: it keeps nothing yet.
pub(super) fn new(vault: &str, title: &str) -> (Raw, Item) {
    let raw = json!({ "vault": { "id": vault }, "title": title, "category": CATEGORY, "tags": [TAG] });
    (Raw(raw), Item { title: title.into(), ..Item::default() })
}

/// The item with this record in it, and otherwise as it came.
pub(super) fn with(record: &KeyRecord, mut raw: Raw, item: &Item) -> Result<Raw> {
    let Some(top) = raw.0.as_object_mut() else { return Ok(raw) };
    for computed in ["createdAt", "updatedAt", "lastEditedBy"] {
        top.remove(computed);
    }
    let archived = record.archived.as_ref().map(|(key, after)| (key, Some(after.as_str())));
    let parts = [
        (None, record.current.as_ref().map(|key| (key, None))),
        (Some(PREVIOUS), record.previous.as_ref().map(|key| (key, None))),
        (Some(ARCHIVED), archived),
    ];
    let mut sections = list(top.remove("sections"));
    // From here to `Raw` nothing may fail: the new fields hold secrets.
    let fingerprints: Vec<Option<String>> =
        parts.iter().map(|(_, kept)| kept.map(|(key, _)| pair::check(key)).transpose()).collect::<Result<_>>()?;
    let mut fields = Vec::new();
    for ((section, kept), fingerprint) in parts.into_iter().zip(fingerprints) {
        let Some((key, after)) = kept else { continue };
        let id = section.map(|label| section_id(&mut sections, label));
        let mut add = |kind: &str, label: &str, value: &str| {
            let own = format!("pkeys_{}_{label}", section.unwrap_or("current")).replace(' ', "_");
            let mut field = json!({ "id": own, "type": kind, "label": label, "value": value });
            if let Some(id) = &id {
                field["section"] = json!({ "id": id });
            }
            fields.push(field);
        };
        add("CONCEALED", PRIVATE, key.private.expose_str().unwrap_or_default());
        add("STRING", PUBLIC, &key.public);
        add("STRING", FINGERPRINT, &fingerprint.unwrap_or_default());
        add("STRING", CREATED, &key.created);
        if let Some(after) = after {
            add("STRING", DELETE_AFTER, after);
        }
    }
    if record.current.is_none() && !fields.is_empty() {
        // Else the reference to the current key would find the one in a section.
        fields.push(json!({ "id": "pkeys_current_private_key", "type": "CONCEALED", "label": PRIVATE, "value": "" }));
    }
    let old = list(top.remove("fields"));
    for (at, field) in old.into_iter().enumerate() {
        if is_ours(item, at) { drop(Raw(field)) } else { fields.push(field) }
    }
    sections.retain(|section| {
        let own = [PREVIOUS, ARCHIVED].iter().any(|label| section["label"] == *label);
        !own || fields.iter().any(|field| field["section"]["id"] == section["id"])
    });
    top.insert("sections".into(), Value::Array(sections));
    top.insert("fields".into(), Value::Array(fields));
    Ok(raw)
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    }
}

/// The id of the section with this label, which is made if there is none.
fn section_id(sections: &mut Vec<Value>, label: &str) -> String {
    if let Some(id) = sections.iter().find(|section| section["label"] == label).and_then(|s| s["id"].as_str()) {
        return id.into();
    }
    let id = format!("pkeys_{label}");
    sections.push(json!({ "id": id, "label": label }));
    id
}

/// Whether a field is one of those that keep a key.
fn is_ours(item: &Item, at: usize) -> bool {
    let field = &item.fields[at];
    let section = resolve::section_label(item, field);
    LABELS.contains(&field.label.as_str()) && section.is_none_or(|label| [PREVIOUS, ARCHIVED].contains(&label))
}

fn missing(section: Option<&str>, label: &str) -> Error {
    Error::new(match section {
        Some(section) => format!("it has no \"{label}\" in section \"{section}\""),
        None => format!("it has no \"{label}\""),
    })
}

/// The key in a section, or outside all; `None` when no field says anything.
fn key(item: &Item, section: Option<&str>) -> Result<Option<KeptKey>> {
    let private = value(item, section, PRIVATE)?;
    let [public, fingerprint, created] = [PUBLIC, FINGERPRINT, CREATED].map(|label| text(item, section, label));
    let (public, fingerprint, created) = (public?, fingerprint?, created?);
    let Some((private, kind)) = private else {
        let nothing = public.is_none() && fingerprint.is_none() && created.is_none();
        return if nothing { Ok(None) } else { Err(missing(section, PRIVATE)) };
    };
    if !kind.eq_ignore_ascii_case("CONCEALED") {
        return Err(Error::new("its private key is not in a concealed field"));
    }
    let key = KeptKey {
        private: SecretBytes::copy_of(private.expose()),
        public: public.ok_or_else(|| missing(section, PUBLIC))?,
        created: created.ok_or_else(|| missing(section, CREATED))?,
    };
    if fingerprint.ok_or_else(|| missing(section, FINGERPRINT))? != pair::check(&key)? {
        return Err(Error::new("its fingerprint is another key's"));
    }
    Ok(Some(key))
}

fn text(item: &Item, section: Option<&str>, label: &str) -> Result<Option<String>> {
    let found = value(item, section, label)?;
    Ok(found.and_then(|(value, _)| value.expose_str()).map(str::to_owned))
}

/// The value and kind of the one field with this label.
fn value<'a>(item: &'a Item, section: Option<&str>, label: &str) -> Result<Option<(&'a SecretBytes, &'a str)>> {
    let mut found = item.fields.iter().filter(|f| f.label == label && resolve::section_label(item, f) == section);
    let first = found.next();
    if found.next().is_some() {
        return Err(Error::new(format!("it has \"{label}\" more than once")));
    }
    Ok(first.and_then(|field| Some((field.value.get()?, field.kind.as_str()))))
}

#[cfg(test)]
#[path = "key_item_tests.rs"]
mod tests;
