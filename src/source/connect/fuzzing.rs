//! Fuzzing of what a Connect server, or whatever answers in its place, may send.

use super::client::{Answer, Body, json};
use super::model::{Item, Overview, Raw, Refusal, Text, Vault, is_put_away};
use super::resolve::{self, Found};
use super::{Address, key_item, problem, sshkey, value};
use crate::base::SecretBytes;
use crate::source::{Query, Reference};
use pkeys_bundle::fuzzing::needle::{NEEDLE, discreet, each, one_line, said};
use serde::Deserialize;

/// Vaults, lists of items, items and refusals. No value is ever in an error; names that a server sends are made fit for a
/// terminal; what an id names is found by it; and a key that was read from an item is the same after it was written.
pub fn connect(bytes: &[u8]) {
    each(bytes, |bytes| {
        if let Body::Good(Some(vaults)) = read::<Option<Vec<Vault>>>(bytes) {
            for vault in &vaults {
                finds(&vault.id, vaults.iter().map(|v| &*v.id), resolve::vault(&vaults, &vault.id).map(|v| &*v.id));
                let _ = resolve::vault(&vaults, "Private").inspect_err(discreet_but_for_names);
            }
        }
        if let Body::Good(Some(list)) = read::<Option<Vec<Overview>>>(bytes) {
            let active = || list.iter().filter(|item| !is_put_away(&item.state));
            for item in active() {
                finds(&item.id, active().map(|i| &*i.id), resolve::item(&list, &item.id, "v").map(|i| &*i.id));
            }
            let _ = resolve::item(&list, "tailscale", "v").inspect_err(discreet_but_for_names);
        }
        if let Body::Good(item) = read::<Item>(bytes) {
            of_item(bytes, &item);
        }
        if let Body::Good(refusal) = read::<Refusal>(bytes) {
            let at = Address::parse("http://127.0.0.1:8080").expect("an address");
            for code in [400, 401, 403, 404, 408, 409, 429, 500, 503] {
                let failed = [problem::status, problem::status_of_change]
                    .map(|f| f(&at, code, "x", Some(&refusal.message), None));
                failed.iter().for_each(|failed| discreet_but_for_names(&failed.error));
            }
        }
    });
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Body<T> {
    json(Answer { body: SecretBytes::copy_of(bytes), of_connect: true })
}

/// An id that stands once is found, whatever the names are; one that stands more than once is said to.
fn finds<'a>(id: &str, all: impl Iterator<Item = &'a str>, found: crate::base::Result<&str>) {
    match found {
        Ok(found) => assert_eq!(found, id),
        Err(error) => {
            assert!(all.filter(|other| *other == id).count() > 1, "{error:?}");
            discreet_but_for_names(&error);
        }
    }
}

/// Names are repeated, and the needle may stand in one.
fn discreet_but_for_names(error: &crate::base::Error) {
    one_line(&error.one_line());
}

fn of_item(bytes: &[u8], item: &Item) {
    let value = |text: &Text| matches!(text, Text::Is(value) if has_needle(value));
    // In a value it must not be repeated; elsewhere it is a name.
    let only_in_values = item.fields.iter().any(|f| value(&f.value) || value(&f.totp)) && {
        let values = item.fields.iter().filter(|f| value(&f.value)).count()
            + item.fields.iter().filter(|f| value(&f.totp)).count();
        String::from_utf8_lossy(bytes).matches(NEEDLE).count() == values
    };
    let judge =
        |error: &crate::base::Error| if only_in_values { discreet(error) } else { discreet_but_for_names(error) };
    if only_in_values {
        said(&format!("{item:?}").replace(char::is_control, ""));
    }
    for field in &item.fields {
        // An id that no reference can hold, nobody asks for.
        if let Ok(Reference::Op(reference)) = Reference::parse(&format!("op://v/i/{}", field.id))
            && reference.field == field.id
        {
            match resolve::field(item, &reference) {
                Err(error) => judge(&error),
                Ok(Found::File(file)) => assert!(file.id == field.id || file.name.eq_ignore_ascii_case(&field.id)),
                Ok(Found::Field(found)) => assert!(found.id == field.id, "an id names itself"),
            }
        }
        for query in [None, Some(Query::Otp), Some(Query::Totp), Some(Query::OpenSsh)] {
            match value::of_field(field, query) {
                Ok(value) => assert!(!value.is_empty(), "nothing empty is delivered"),
                Err(error) => judge(&error),
            }
        }
    }
    if let Ok(Reference::Op(named)) = Reference::parse("op://v/i/s/private key") {
        let _ = resolve::field(item, &named).inspect_err(judge);
    }
    let _ = key_item::check(&item.category, &item.tags, "ssh ann laptop", &item.id).inspect_err(judge);
    match (key_item::record(item), serde_json::from_slice(bytes).map(Raw)) {
        (Err(error), _) => judge(&error),
        // A change is refused where a part that nobody looks at cannot be sent back.
        (Ok(_), Err(_)) => {}
        (Ok(record), Ok(raw)) => {
            let written = key_item::with(&record, raw, item).expect("what was read can be written");
            let again = Item::deserialize(&written.0).expect("what was written is an item");
            assert_eq!(key_item::record(&again).expect("what was written is read"), record);
        }
    }
}

fn has_needle(value: &SecretBytes) -> bool {
    value.expose_str().is_some_and(|text| text.contains(NEEDLE))
}

/// Private keys out of fields: what is converted is a key that OpenSSH reads, and converting it again changes nothing.
pub fn ssh_key(bytes: &[u8]) {
    each(bytes, |bytes| match sshkey::to_openssh(bytes) {
        Err(error) => discreet(&error),
        Ok(text) => {
            assert_eq!(sshkey::to_openssh(text.expose()).expect("it is OpenSSH's own form"), text);
            if text.expose() != bytes {
                let key = ssh_key::PrivateKey::from_openssh(text.expose()).expect("a key");
                assert!(!key.is_encrypted());
            }
        }
    });
}
