//! What happens to an item that is written: it is checked, completed, and if it is an SSH key damaged.

use std::collections::BTreeSet;

use crate::generate;
use crate::item::{Field, Item};
use crate::reply::Refusal;
use crate::store::{check_id, timestamp};

const CATEGORIES: [&str; 22] = [
    "LOGIN",
    "PASSWORD",
    "API_CREDENTIAL",
    "SERVER",
    "DATABASE",
    "CREDIT_CARD",
    "MEMBERSHIP",
    "PASSPORT",
    "SOFTWARE_LICENSE",
    "OUTDOOR_LICENSE",
    "SECURE_NOTE",
    "WIRELESS_ROUTER",
    "BANK_ACCOUNT",
    "DRIVER_LICENSE",
    "IDENTITY",
    "REWARD_PROGRAM",
    "DOCUMENT",
    "EMAIL_ACCOUNT",
    "SOCIAL_SECURITY_NUMBER",
    "MEDICAL_RECORD",
    "SSH_KEY",
    "CUSTOM",
];

/// The section id of fields outside any section.
const NO_SECTION: &str = "add more";

/// Turns what a client sent into the item to keep. `old` is the item that it replaces.
///
/// What a client cannot set is taken from `old` or made new: id, version, state, dates, files.
pub(crate) fn accept(mut item: Item, vault: &str, old: Option<&Item>, editor: &str) -> Result<Item, Refusal> {
    if item.vault.id != vault {
        return Err(Refusal::bad_request("Invalid Vault UUID"));
    }
    if let Some(old) = old {
        if !item.id.is_empty() && item.id != old.id {
            return Err(Refusal::bad_request("Invalid Item UUID"));
        }
    } else if !item.id.is_empty() {
        check_id("Item", &item.id)?;
    }
    // "CUSTOM" items can be read, and never made.
    let custom = item.category == "CUSTOM" && old.is_none_or(|old| old.category != "CUSTOM");
    if custom || !CATEGORIES.contains(&item.category.as_str()) {
        return Err(Refusal::bad_request("Invalid item category"));
    }
    complete(&mut item, old)?;
    if item.category == "PASSWORD" && !item.fields.iter().any(|field| field.purpose == "PASSWORD") {
        return Err(Refusal::bad_request("The item doesn't have a password field."));
    }
    validate(&item)?;
    if item.category == "SSH_KEY" {
        item.fields.iter_mut().for_each(damage);
    }
    let now = timestamp();
    item.id = old.map_or_else(generate::id, |old| old.id.clone());
    item.version = old.map_or(1, |old| old.version + 1);
    item.state = old.and_then(|old| old.state.clone());
    item.created_at = old.map_or_else(|| now.clone(), |old| old.created_at.clone());
    item.updated_at = now;
    editor.clone_into(&mut item.last_edited_by);
    item.files = old.map(|old| old.files.clone()).unwrap_or_default();
    Ok(item)
}

/// Gives ids and types to what has none, and generates the values that the client asks for.
fn complete(item: &mut Item, old: Option<&Item>) -> Result<(), Refusal> {
    for section in item.sections.iter_mut().filter(|section| section.id.is_empty()) {
        section.id = format!("Section_{}", generate::id());
    }
    for field in &mut item.fields {
        if field.id.is_empty() {
            field.id = generate::id();
        }
        if field.kind.is_empty() {
            field.kind = if field.purpose == "PASSWORD" { "CONCEALED" } else { "STRING" }.to_owned();
        }
        // A client cannot set the entropy: it stays with the value that it was computed for.
        let known = old.and_then(|old| old.fields.iter().find(|known| known.id == field.id));
        field.entropy = known.filter(|known| known.value == field.value).and_then(|known| known.entropy);
        if field.generate && field.value.is_empty() {
            let (value, entropy) = generate::value(&field.recipe.clone().unwrap_or_default())?;
            field.value = value;
            field.entropy = (field.purpose == "PASSWORD").then_some(entropy);
        }
        (field.generate, field.recipe) = (false, None);
    }
    Ok(())
}

/// Connect's own check, and its words.
fn validate(item: &Item) -> Result<(), Refusal> {
    let fail = |what: String| {
        Err(Refusal::bad_request(format!(
            "validateVaultItem failed to Validate: Couldn't validate the item: \
             \"[ItemValidator] has found 1 errors, 0 warnings: \nErrors:{{1. {what}}}\""
        )))
    };
    let (mut sections, mut fields) = (BTreeSet::from([NO_SECTION]), BTreeSet::new());
    for (place, section) in item.sections.iter().enumerate() {
        if !sections.insert(&section.id) && section.id != NO_SECTION {
            return fail(format!("details.sections[{place}] has non-unique name"));
        }
    }
    for (place, field) in item.fields.iter().enumerate() {
        if !fields.insert(&field.id) {
            return fail(format!("details.fields[{place}] has non-unique name"));
        }
        if !matches!(field.purpose.as_str(), "" | "USERNAME" | "PASSWORD" | "NOTES") {
            return fail(format!("details.fields[{place}] has an unknown purpose"));
        }
        if field.section.as_ref().is_some_and(|section| !sections.contains(section.id.as_str())) {
            return fail(format!("details.fields[{place}] is in a section that is not there"));
        }
    }
    Ok(())
}

/// What any write through Connect does to an SSH key: the private key is stored as plain text.
fn damage(field: &mut Field) {
    if field.kind == "SSHKEY" || field.id == "private_key" {
        field.kind = "STRING".to_owned();
    }
}
