//! Reading and writing items, and their files.

use serde_json::{Value, json};

use super::{field, item, items_path};
use crate::common::connect::{DEMO, EXAMPLE, OTHER, StandIn, WRITE_TOKEN};

fn note(title: &str) -> Value {
    json!({ "vault": { "id": DEMO }, "category": "SECURE_NOTE", "title": title })
}

#[test]
fn an_overview_has_no_fields_and_an_empty_value_is_absent() {
    let server = StandIn::start(EXAMPLE, &[]);
    let list = server.call("GET", &items_path(), WRITE_TOKEN, None).json();
    for overview in list.as_array().unwrap() {
        for absent in ["fields", "sections", "files"] {
            assert!(overview.get(absent).is_none(), "{absent} in {overview}");
        }
        for present in ["id", "title", "vault", "category", "version", "createdAt", "updatedAt", "lastEditedBy"] {
            assert!(overview.get(present).is_some(), "{present} not in {overview}");
        }
    }
    let state = |title: &str| {
        let found = list.as_array().unwrap().iter().find(|overview| overview["title"] == title).unwrap();
        found.get("state").cloned()
    };
    assert_eq!((state("old router"), state("webmail")), (Some(json!("ARCHIVED")), None));

    let full = server.call("GET", &item("webmaillogin"), WRITE_TOKEN, None).json();
    assert_eq!(field(&full, "password")["value"], "not-a-real-password");
    assert!(field(&full, "emptyfield").get("value").is_none());
    assert_eq!(full["sections"][1], json!({ "id": "Section_nolabel" }));
    assert_eq!(field(&full, "addmorefield")["section"], json!({ "id": "add more" }));
}

#[test]
fn an_item_is_made_replaced_and_deleted() {
    let server = StandIn::start(EXAMPLE, &[]);
    let mut wanted = note("new");
    wanted["tags"] = json!(["one"]);
    wanted["fields"] = json!([
        { "label": "first", "type": "CONCEALED", "value": "1" },
        { "id": "second", "label": "second", "value": "" },
    ]);
    wanted["version"] = json!(99);
    wanted["unknown"] = json!({ "is": "ignored" });
    let reply = server.call("POST", &items_path(), WRITE_TOKEN, Some(&wanted));
    let made = reply.json();
    assert_eq!((reply.status, &made["version"], &made["tags"]), (200, &json!(1), &json!(["one"])));
    assert_eq!(made["fields"][0]["id"].as_str().unwrap().len(), 26);
    assert!(made["fields"][1].get("value").is_none());

    let path = format!("{}/{}", items_path(), made["id"].as_str().unwrap());
    assert_eq!(server.call("GET", &path, WRITE_TOKEN, None).json(), made);
    let replaced = server.call("PUT", &path, WRITE_TOKEN, Some(&note("newer"))).json();
    assert_eq!((&replaced["version"], &replaced["title"]), (&json!(2), &json!("newer")));
    assert_eq!(replaced["createdAt"], made["createdAt"]);
    for gone in ["fields", "tags"] {
        assert!(replaced.get(gone).is_none(), "a PUT replaces the whole item: {gone}");
    }
    let reply = server.call("DELETE", &path, WRITE_TOKEN, None);
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    for method in ["GET", "DELETE"] {
        assert_eq!(server.call(method, &path, WRITE_TOKEN, None).status, 404);
    }
    assert_eq!(server.call("PUT", &path, WRITE_TOKEN, Some(&note("late"))).status, 404);
}

#[test]
fn what_cannot_be_an_item_is_refused() {
    let server = StandIn::start(EXAMPLE, &[]);
    let with = |key: &str, value: Value| {
        let mut item = note("new");
        item[key] = value;
        item
    };
    let cases = [
        (with("category", json!("NOVEL")), "Invalid item category"),
        (with("category", json!("CUSTOM")), "Invalid item category"),
        (with("vault", json!({ "id": OTHER })), "Invalid Vault UUID"),
        (json!({ "category": "SECURE_NOTE" }), "Invalid Vault UUID"),
        (with("title", json!(7)), "Invalid request body"),
        (with("category", json!("PASSWORD")), "The item doesn't have a password field."),
        (with("fields", json!([{ "id": "a" }, { "id": "a" }])), "details.fields[1] has non-unique name"),
        (with("sections", json!([{ "id": "a" }, { "id": "a" }])), "details.sections[1] has non-unique name"),
        (with("fields", json!([{ "section": { "id": "nowhere" } }])), "in a section that is not there"),
        (with("fields", json!([{ "generate": true, "recipe": { "length": 65 } }])), "Invalid recipe"),
    ];
    for (body, message) in cases {
        let reply = server.call("POST", &items_path(), WRITE_TOKEN, Some(&body));
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.message().contains(message), "{}", reply.message());
    }
    let reply = server.call("PUT", &item("twinfirst"), WRITE_TOKEN, Some(&with("id", json!("q".repeat(26)))));
    assert_eq!((reply.status, reply.message()), (400, "Invalid Item UUID".to_owned()));
    // An error answer never repeats what was sent.
    let reply = server.call("POST", &items_path(), WRITE_TOKEN, Some(&with("tags", json!("secret text"))));
    assert!(reply.status == 400 && !reply.text().contains("secret text"));
}

#[test]
fn a_value_is_generated_after_its_recipe() {
    let server = StandIn::start(EXAMPLE, &[]);
    let recipe = json!({ "length": 40, "characterSets": ["DIGITS", "SYMBOLS"], "excludeCharacters": "0123456789@" });
    let body = json!({ "vault": { "id": DEMO }, "category": "PASSWORD", "title": "made", "fields": [
        { "id": "password", "purpose": "PASSWORD", "generate": true, "recipe": recipe },
        { "id": "kept", "generate": true, "value": "given" },
        { "id": "default", "type": "CONCEALED", "generate": true },
    ]});
    let made = server.call("POST", &items_path(), WRITE_TOKEN, Some(&body)).json();
    let password = field(&made, "password");
    let value = password["value"].as_str().unwrap();
    assert!(value.len() == 40 && value.chars().all(|letter| "!.-_*".contains(letter)), "{value}");
    assert_eq!(password["type"], "CONCEALED");
    assert!(password["entropy"].as_f64().unwrap() > 90.0);
    assert!(password.get("generate").is_none() && password.get("recipe").is_none());
    assert_eq!(field(&made, "kept")["value"], "given");
    assert_eq!(field(&made, "default")["value"].as_str().unwrap().len(), 32);
}

#[test]
fn a_write_damages_an_ssh_key() {
    let server = StandIn::start(EXAMPLE, &[]);
    let path = item("deploysshkey");
    let kind = |item: &Value| field(item, "private_key")["type"].clone();
    let mut key = server.call("GET", &path, WRITE_TOKEN, None).json();
    assert_eq!(kind(&key), "SSHKEY");
    assert!(field(&key, "private_key")["value"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    // Only the title changes, and the private key is no longer one.
    key["title"] = json!("renamed");
    let damaged = server.call("PUT", &path, WRITE_TOKEN, Some(&key)).json();
    assert_eq!((kind(&damaged), field(&damaged, "private_key")["value"].is_string()), (json!("STRING"), true));
    assert_eq!(kind(&server.call("GET", &path, WRITE_TOKEN, None).json()), "STRING");
    key["id"].take();
    key.as_object_mut().unwrap().remove("id");
    let copy = server.call("POST", &items_path(), WRITE_TOKEN, Some(&key)).json();
    assert_eq!(kind(&copy), "STRING");
}

#[test]
fn files_are_listed_and_read() {
    let server = StandIn::start(EXAMPLE, &["--max-inline-kb", "0"]);
    let files = item("certificatedocument") + "/files";
    let list = server.call("GET", &files, WRITE_TOKEN, None).json();
    assert_eq!((&list[0]["name"], &list[1]["size"]), (&json!("certificate.pem"), &json!(256)));
    assert!(list[0].get("content").is_none());
    let full = server.call("GET", &item("certificatedocument"), WRITE_TOKEN, None).json();
    assert_eq!(full["files"], list);

    let content = list[1]["content_path"].as_str().unwrap();
    let reply = server.call("GET", content, WRITE_TOKEN, None);
    assert_eq!(reply.body, (0..=255).collect::<Vec<u8>>());
    assert_eq!(reply.header("Content-Type"), Some("application/octet-stream"));
    assert_eq!(reply.header("Content-Disposition"), Some("attachment; filename=\"binary.dat\""));
    assert_eq!(server.call("GET", &(item("webmaillogin") + "/files"), WRITE_TOKEN, None).json(), json!([]));

    // Too large to inline here; small enough with Connect's own limit.
    let reply = server.call("GET", &(files.clone() + "?inline_files=true"), WRITE_TOKEN, None);
    assert_eq!(reply.status, 413);
    assert!(reply.message().starts_with("File is too large to inline in request."));
    let server = StandIn::start(EXAMPLE, &[]);
    let list = server.call("GET", &(files + "?inline_files=true"), WRITE_TOKEN, None).json();
    assert_eq!(list[0]["content"], "bm90IGEgcmVhbCBjZXJ0aWZpY2F0ZQo=");
}
