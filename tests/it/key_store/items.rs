//! Items in 1Password: made, changed and removed; seen with other eyes than ours.

use super::{ROTATION, key, place, record};
use crate::common::connect::{DEMO, EXAMPLE, Prism, StandIn, WRITE_TOKEN};
use pkeys::base::SecretBytes;
use pkeys::source::connect::Policy;
use pkeys::source::{Connect, ConnectKeys, ConnectSettings, KeyRecord, KeyStore, Source};
use serde_json::{Value, json};
use std::time::Duration;

/// A client with which nothing takes long.
pub(crate) fn client(url: &str, token: &str) -> Connect {
    let mut settings = ConnectSettings::new(url, SecretBytes::copy_of(token.as_bytes()));
    let settle = Duration::from_millis(1500);
    settings.retry = Policy { first_wait: Duration::from_millis(10), settle, ..Policy::default() };
    settings.timeout = Duration::from_secs(3);
    Connect::new(settings).unwrap()
}

pub(crate) fn keys(server: &StandIn) -> ConnectKeys<Box<Connect>> {
    ConnectKeys::new(Box::new(client(&server.url(), WRITE_TOKEN)), "demo").unwrap()
}

/// The whole items of our title, as the API gives them.
pub(crate) fn raw(server: &StandIn) -> Vec<Value> {
    let items = format!("/v1/vaults/{DEMO}/items");
    let list = server.call("GET", &items, WRITE_TOKEN, None).json();
    let own = list.as_array().unwrap().iter().filter(|item| item["title"] == "ssh ann laptop");
    let whole = |item: &Value| {
        let path = format!("{items}/{}", item["id"].as_str().unwrap());
        server.call("GET", &path, WRITE_TOKEN, None).json()
    };
    own.map(whole).collect()
}

#[test]
fn a_key_is_made_rotated_archived_and_removed() {
    let server = StandIn::start(EXAMPLE, &[]);
    let keys = keys(&server);
    assert_eq!(keys.read(&place()).unwrap(), None);
    keys.write(&place(), &KeyRecord::default()).unwrap();
    for (current, previous, archived) in ROTATION {
        let record = record(current, previous, archived);
        keys.write(&place(), &record).unwrap();
        let expected = Some(&record).filter(|record| !record.is_empty());
        assert_eq!(keys.read(&place()).unwrap().as_ref(), expected);
        let value = keys_source(&server, &keys);
        assert_eq!(value, record.current.map(|key| key.private.expose().to_vec()));
    }
    assert!(raw(&server).is_empty());
    let deletes = server.requests().requests.iter().filter(|r| r.starts_with("DELETE")).count();
    assert_eq!(deletes, 1);
}

/// What our own source reads at the store's reference.
fn keys_source(server: &StandIn, keys: &impl KeyStore) -> Option<Vec<u8>> {
    let reference = keys.reference(&place()).unwrap();
    assert_eq!(reference.to_string(), "op://demo/ssh ann laptop/private key");
    assert_eq!(reference.to_string().parse::<pkeys::source::Reference>().unwrap(), reference);
    let read = client(&server.url(), WRITE_TOKEN).read(&[&reference]).remove(0);
    read.ok().map(|value| value.bytes.expose().to_vec())
}

#[test]
fn the_item_is_an_api_credential_with_a_concealed_private_key() {
    let server = StandIn::start(EXAMPLE, &[]);
    keys(&server).write(&place(), &record(3, 2, 1)).unwrap();
    let items = raw(&server);
    let item = &items[0];
    assert_eq!((items.len(), &item["category"], &item["tags"]), (1, &json!("API_CREDENTIAL"), &json!(["pkeys"])));
    let section = |id: &Value| {
        let sections = item["sections"].as_array().unwrap();
        sections.iter().find(|s| s["id"] == *id).map_or(String::new(), |s| s["label"].as_str().unwrap().to_owned())
    };
    let mut fields: Vec<_> = item["fields"].as_array().unwrap().iter().collect();
    fields.sort_by_key(|field| (section(&field["section"]["id"]), field["label"].as_str()));
    let told: Vec<_> = fields
        .iter()
        .map(|f| {
            format!("{}/{} {}", section(&f["section"]["id"]), f["label"].as_str().unwrap(), f["type"].as_str().unwrap())
        })
        .collect();
    let four = |at: &str| {
        ["created STRING", "fingerprint STRING", "private key CONCEALED", "public key STRING"]
            .map(|f| format!("{at}/{f}"))
    };
    let mut expected = [four(""), four("archived"), four("previous")].concat();
    expected.insert(5, "archived/delete after STRING".into());
    assert_eq!(told, expected);
    let fingerprint = ssh_key::PublicKey::from_openssh(&key(3).public).unwrap().fingerprint(ssh_key::HashAlg::Sha256);
    assert_eq!(fields[1]["value"], json!(fingerprint.to_string()));
    assert_eq!(fields[2]["value"].as_str(), key(3).private.expose_str());
}

#[test]
fn what_a_person_added_stays_and_keeps_the_item_from_being_deleted() {
    let server = StandIn::start(EXAMPLE, &[]);
    let keys = keys(&server);
    keys.write(&place(), &record(1, 0, 0)).unwrap();
    let mut item = raw(&server).remove(0);
    let note = json!({ "id": "mynote", "type": "STRING", "label": "note", "value": "hello" });
    item["fields"].as_array_mut().unwrap().push(note.clone());
    item["favorite"] = json!(true);
    let path = format!("/v1/vaults/{DEMO}/items/{}", item["id"].as_str().unwrap());
    assert_eq!(server.call("PUT", &path, WRITE_TOKEN, Some(&item)).status, 200);
    for (current, previous, archived) in ROTATION {
        keys.write(&place(), &record(current, previous, archived)).unwrap();
        let item = raw(&server).remove(0);
        assert!(item["fields"].as_array().unwrap().contains(&note));
        assert_eq!((&item["favorite"], &item["category"]), (&json!(true), &json!("API_CREDENTIAL")));
    }
    assert_eq!(keys.read(&place()).unwrap(), None);
    assert_eq!(raw(&server)[0]["fields"], json!([note]));
    keys.write(&place(), &record(2, 0, 0)).unwrap();
    assert_eq!(raw(&server).len(), 1);
}

#[test]
fn places_do_not_meet_and_no_value_stands_in_an_address() {
    let server = StandIn::start(EXAMPLE, &[]);
    let keys = keys(&server);
    let other = pkeys::source::KeyPlace { label: pkeys::base::KeyLabel::new("Laptop").unwrap(), ..place() };
    keys.write(&place(), &record(1, 0, 0)).unwrap();
    assert_eq!(keys.read(&other).unwrap(), None, "a title in other letters is another place");
    keys.write(&other, &record(2, 0, 0)).unwrap();
    assert_eq!(keys.read(&place()).unwrap(), Some(record(1, 0, 0)));
    assert_eq!(keys.read(&other).unwrap(), Some(record(2, 0, 0)));
    for request in server.requests().requests {
        assert!(!request.contains('?') && request.len() < 120, "{request}");
    }
}

#[test]
fn requests_and_answers_are_those_of_the_document() {
    let server = StandIn::start(EXAMPLE, &[]);
    let Some(proxy) = Prism::start(&server.url()) else { return };
    let keys = ConnectKeys::new(Box::new(client(&proxy.url(), WRITE_TOKEN)), DEMO).unwrap();
    for (current, previous, archived) in ROTATION {
        keys.write(&place(), &record(current, previous, archived)).unwrap();
    }
    assert_eq!(proxy.violations(), Vec::<String>::new());
}
