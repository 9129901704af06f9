//! JSON Patch as Connect means it.

use serde_json::{Value, json};

use super::{field, item};
use crate::common::connect::{EXAMPLE, StandIn, WRITE_TOKEN};
use crate::common::http::Reply;

fn patch(server: &StandIn, operations: Value) -> Reply {
    server.call("PATCH", &item("webmaillogin"), WRITE_TOKEN, Some(&operations))
}

#[test]
fn fields_go_by_their_id() {
    let server = StandIn::start(EXAMPLE, &[]);
    let reply = patch(
        &server,
        json!([
            { "op": "replace", "path": "/fields/password/value", "value": "changed" },
            { "op": "add", "path": "/fields/username/label", "value": "user" },
            { "op": "remove", "path": "/fields/recoverycode" },
            { "op": "add", "path": "/fields/-", "value": { "id": "new", "label": "new", "value": "1" } },
            { "op": "add", "path": "/fields", "value": { "label": "another" } },
            { "op": "replace", "path": "/fields/addmorefield", "value": { "label": "replaced" } },
            { "op": "remove", "path": "/fields/hintnolabel/value" },
        ]),
    );
    let patched = reply.json();
    assert_eq!((reply.status, &patched["version"]), (200, &json!(4)));
    assert_eq!(field(&patched, "password")["value"], "changed");
    assert_eq!(field(&patched, "password")["type"], "CONCEALED");
    assert_eq!(field(&patched, "username")["label"], "user");
    assert_eq!(field(&patched, "new")["value"], "1");
    assert_eq!(
        field(&patched, "addmorefield"),
        &json!({ "id": "addmorefield", "type": "STRING", "label": "replaced" })
    );
    assert!(field(&patched, "hintnolabel").get("value").is_none());
    let labels: Vec<&Value> = patched["fields"].as_array().unwrap().iter().map(|field| &field["label"]).collect();
    assert!(labels.contains(&&json!("another")) && !labels.contains(&&json!("code")));
    assert_eq!(server.call("GET", &item("webmaillogin"), WRITE_TOKEN, None).json(), patched);
}

#[test]
fn attributes_go_by_their_name() {
    let server = StandIn::start(EXAMPLE, &[]);
    let patched = patch(
        &server,
        json!([
            { "op": "replace", "path": "/title", "value": "renamed" },
            { "op": "replace", "path": "/favorite", "value": false },
            { "op": "remove", "path": "/tags/0" },
            { "op": "add", "path": "/tags/-", "value": "a/b~c" },
            { "op": "replace", "path": "/urls/0/href", "value": "https://example.org" },
            { "op": "add", "path": "/sections/Section_nolabel/label", "value": "named" },
        ]),
    )
    .json();
    assert_eq!((&patched["title"], &patched["tags"]), (&json!("renamed"), &json!(["mail", "a/b~c"])));
    assert!(patched.get("favorite").is_none());
    assert_eq!(patched["urls"][0]["href"], "https://example.org");
    assert_eq!(patched["sections"][1]["label"], "named");
    assert_eq!(field(&patched, "password")["value"], "not-a-real-password");
    let emptied = patch(&server, json!([{ "op": "remove", "path": "/tags" }])).json();
    assert_eq!((emptied.get("tags"), &emptied["version"]), (None, &json!(5)));
}

#[test]
fn the_whole_item_can_be_replaced() {
    let server = StandIn::start(EXAMPLE, &[]);
    let whole = json!({ "title": "whole", "category": "LOGIN", "fields": [{ "id": "only" }] });
    let patched = patch(&server, json!([{ "op": "replace", "path": "/", "value": whole }])).json();
    assert_eq!((&patched["title"], &patched["version"]), (&json!("whole"), &json!(4)));
    assert_eq!(patched["fields"].as_array().unwrap().len(), 1);
    assert_eq!(patched["id"], "webmaillogin00000000000000");
}

#[test]
fn no_operations_change_nothing() {
    let server = StandIn::start(EXAMPLE, &[]);
    let reply = patch(&server, json!([]));
    assert_eq!((reply.status, &reply.json()["version"]), (200, &json!(3)));
}

#[test]
fn a_patch_is_applied_whole_or_not_at_all() {
    let server = StandIn::start(EXAMPLE, &[]);
    let before = server.call("GET", &item("webmaillogin"), WRITE_TOKEN, None).json();
    for bad in [
        json!({ "op": "replace", "path": "/fields/nowhere/value", "value": "x" }),
        json!({ "op": "remove", "path": "/fields/0" }),
        json!({ "op": "remove", "path": "/tags/7" }),
        json!({ "op": "replace", "path": "/version", "value": 9 }),
        json!({ "op": "replace", "path": "/id", "value": "x" }),
        json!({ "op": "test", "path": "/title", "value": "webmail" }),
        json!({ "op": "move", "path": "/title", "from": "/category" }),
        json!({ "op": "replace", "path": "/title" }),
        json!({ "op": "replace", "path": "title", "value": "x" }),
        json!({ "op": "replace", "path": "/title", "value": ["x"] }),
        json!({ "op": "replace", "path": "/category", "value": "NOVEL" }),
        json!({ "op": "replace", "path": "/fields/password/purpose", "value": "FUN" }),
    ] {
        let reply = patch(&server, json!([{ "op": "replace", "path": "/title", "value": "half" }, bad]));
        assert_eq!(reply.status, 400, "{bad}");
    }
    assert_eq!(server.call("GET", &item("webmaillogin"), WRITE_TOKEN, None).json(), before);
}
