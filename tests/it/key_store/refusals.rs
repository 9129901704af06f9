//! What is left alone: items that pkeys did not make, vaults that it may not write, records that are none.

use super::items::{client, keys, raw};
use super::{key, place, record, refused};
use crate::common::connect::{DEMO, EXAMPLE, OTHER_TOKEN, READ_TOKEN, StandIn, WRITE_TOKEN};
use pkeys::base::SecretBytes;
use pkeys::source::{ConnectKeys, KeptKey, KeyRecord, KeyStore};
use serde_json::{Value, json};

fn add(server: &StandIn, item: &Value) {
    let mut item = item.clone();
    item["title"] = json!("ssh ann laptop");
    item["vault"] = json!({ "id": DEMO });
    let reply = server.call("POST", &format!("/v1/vaults/{DEMO}/items"), WRITE_TOKEN, Some(&item));
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Reading and writing are refused, and nothing but reads reached the server.
#[track_caller]
fn left_alone(server: &StandIn, message: &str, hint: &str) {
    server.reset_requests();
    let before = raw(server);
    let keys = keys(server);
    refused(keys.read(&place()), message, hint);
    refused(keys.write(&place(), &record(1, 0, 0)), message, hint);
    refused(keys.write(&place(), &KeyRecord::default()), message, hint);
    assert_eq!(raw(server), before);
    let requests = server.requests().requests;
    assert!(requests.iter().all(|request| request.starts_with("GET ")), "{requests:?}");
}

#[test]
fn an_ssh_key_item_is_never_written() {
    let server = StandIn::start(EXAMPLE, &[]);
    add(&server, &json!({ "category": "SSH_KEY", "tags": ["pkeys"] }));
    left_alone(&server, "is an SSH key item, which a write through Connect would damage", "rename it in 1Password");
}

#[test]
fn a_persons_item_is_not_overwritten() {
    for item in [
        json!({ "category": "API_CREDENTIAL", "fields": [{ "id": "a", "type": "STRING", "label": "a", "value": "b" }] }),
        json!({ "category": "SECURE_NOTE", "tags": ["pkeys"] }),
        json!({ "category": "API_CREDENTIAL", "tags": ["PKEYS-not"] }),
    ] {
        let server = StandIn::start(EXAMPLE, &[]);
        add(&server, &item);
        left_alone(&server, "was not made by pkeys, so it is left alone", "rename it in 1Password");
    }
}

#[test]
fn two_items_of_one_title_are_not_guessed_between() {
    let server = StandIn::start(EXAMPLE, &[]);
    keys(&server).write(&place(), &record(1, 0, 0)).unwrap();
    add(&server, &json!({ "category": "API_CREDENTIAL", "tags": ["pkeys"] }));
    left_alone(&server, "vault \"demo\" has more than one item \"ssh ann laptop\": ", "rename or delete all but");
}

#[test]
fn an_item_that_somebody_edited_is_not_overwritten() {
    let server = StandIn::start(EXAMPLE, &[]);
    keys(&server).write(&place(), &record(1, 0, 0)).unwrap();
    let mut item = raw(&server).remove(0);
    let fields = item["fields"].as_array_mut().unwrap();
    fields.iter_mut().find(|field| field["label"] == "private key").unwrap()["value"] = json!("hunter2");
    let path = format!("/v1/vaults/{DEMO}/items/{}", item["id"].as_str().unwrap());
    assert_eq!(server.call("PUT", &path, WRITE_TOKEN, Some(&item)).status, 200);
    left_alone(&server, "item \"ssh ann laptop\" is not as pkeys wrote it", "restore an earlier version");
}

#[test]
fn an_archived_item_is_not_passed_over() {
    let mut data: Value = serde_json::from_str(EXAMPLE).unwrap();
    let items = data["vaults"][0]["items"].as_array_mut().unwrap();
    items.push(
        json!({ "title": "ssh ann laptop", "category": "API_CREDENTIAL", "tags": ["pkeys"], "state": "ARCHIVED" }),
    );
    assert_eq!(data["vaults"][0]["id"], DEMO);
    let server = StandIn::start(&data.to_string(), &[]);
    left_alone(&server, "item \"ssh ann laptop\" is archived", "restore it in 1Password");
}

#[test]
fn a_token_or_vault_that_does_not_do_is_said_at_once() {
    let server = StandIn::start(EXAMPLE, &[]);
    let with = |token: &str, vault: &str| ConnectKeys::new(Box::new(client(&server.url(), token)), vault).unwrap();
    let write = |token: &str, vault: &str| with(token, vault).write(&place(), &record(1, 0, 0));
    refused(write(READ_TOKEN, "demo"), "the token may not write", "make a token with write access to that vault");
    refused(write(WRITE_TOKEN, "dem"), "the token sees no vault \"dem\"", "did you mean \"demo\"?");
    refused(write(OTHER_TOKEN, "demo"), "the token sees no vault \"demo\"", "other");
    refused(write("wrong", "demo"), "refused the token", "pkeys login");
    let posts = server.requests().requests.iter().filter(|r| !r.starts_with("GET")).count();
    assert_eq!(posts, 1, "a refusal is not asked for again");
    assert!(raw(&server).is_empty());

    keys(&server).write(&place(), &record(1, 0, 0)).unwrap();
    assert_eq!(with(READ_TOKEN, "demo").read(&place()).unwrap(), Some(record(1, 0, 0)), "reading needs no more");
    refused(write(READ_TOKEN, "demo"), "the token may not write", "write access");
    for vault in ["a/b", "a?b", "ä", ""] {
        refused(ConnectKeys::new(Box::new(client(&server.url(), WRITE_TOKEN)), vault), "cannot hold", "the vault's id");
    }
}

#[test]
fn what_is_no_key_pair_is_not_stored() {
    let server = StandIn::start(EXAMPLE, &[]);
    let mixed = KeptKey { public: key(2).public, ..key(1) };
    let record = KeyRecord { current: Some(mixed), ..KeyRecord::default() };
    refused(keys(&server).write(&place(), &record), "the current key cannot be kept: its public key", "");
    let text = KeptKey { private: SecretBytes::copy_of(b"hunter2"), ..key(1) };
    let record = KeyRecord { previous: Some(text), ..KeyRecord::default() };
    refused(keys(&server).write(&place(), &record), "the previous key cannot be kept: its private key", "");
    assert_eq!(server.requests().total, 0);
}
