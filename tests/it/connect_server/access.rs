//! Tokens, ids, lists and filters.

use serde_json::Value;

use super::{item, items_path};
use crate::common::connect::{
    DEMO, EXAMPLE, EXPIRED_TOKEN, OTHER, OTHER_TOKEN, READ_TOKEN, StandIn, WRITE_TOKEN, with_token,
};
use crate::common::http::{self, Call};

#[test]
fn a_token_sees_its_vaults_and_no_others() {
    let server = StandIn::start(&with_token(EXAMPLE, "extra", &[(OTHER, "read")]), &[]);
    let seen = |token| {
        let vaults = server.call("GET", "/v1/vaults", token, None).json();
        vaults.as_array().unwrap().iter().map(|vault| vault["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen(WRITE_TOKEN), [DEMO, OTHER]);
    assert_eq!(seen(READ_TOKEN), [DEMO]);
    assert_eq!(seen(OTHER_TOKEN), [OTHER]);
    assert_eq!(seen("extra"), [OTHER]);
    for path in
        [items_path(), item("webmaillogin"), item("certificatedocument") + "/files", format!("/v1/vaults/{DEMO}")]
    {
        let reply = server.call("GET", &path, OTHER_TOKEN, None);
        assert_eq!(reply.status, 403);
        assert_eq!(reply.message(), format!("Authorization: token does not have access to vault {DEMO}"));
    }
}

#[test]
fn only_a_good_token_is_let_in() {
    let server = StandIn::start(EXAMPLE, &[]);
    let without = http::send(&server.url(), "GET", "/v1/vaults", Call::default()).unwrap();
    assert_eq!((without.status, without.message()), (401, "Invalid or missing token".to_owned()));
    let wrong = server.call("GET", "/v1/vaults", "wrong", None);
    assert_eq!((wrong.status, wrong.message()), (401, "Invalid token signature".to_owned()));
    assert_eq!(server.call("GET", "/v1/vaults", EXPIRED_TOKEN, None).status, 401);
    assert_eq!(server.call("GET", "/v1/activity", "wrong", None).status, 401);
    // These need none.
    for path in ["/heartbeat", "/health", "/metrics"] {
        assert_eq!(http::send(&server.url(), "GET", path, Call::default()).unwrap().status, 200);
    }
}

#[test]
fn a_read_only_token_cannot_write() {
    let server = StandIn::start(EXAMPLE, &[]);
    let body = serde_json::json!({ "vault": { "id": DEMO }, "category": "SECURE_NOTE", "title": "new" });
    for (method, path) in [
        ("POST", items_path()),
        ("PUT", item("twinfirst")),
        ("PATCH", item("twinfirst")),
        ("DELETE", item("twinfirst")),
    ] {
        let reply = server.call(method, &path, READ_TOKEN, Some(&body));
        assert_eq!(reply.status, 403, "{method}");
        assert!(reply.message().contains("does not have write access"), "{}", reply.message());
    }
    assert_eq!(server.call("GET", &item("twinfirst"), READ_TOKEN, None).json()["version"], 1);
}

#[test]
fn malformed_ids_are_400_and_unknown_ones_404() {
    let server = StandIn::start(EXAMPLE, &[]);
    let unknown = "q".repeat(26);
    let upper = DEMO.to_uppercase();
    for (path, status, message) in [
        ("/v1/vaults/nope".to_owned(), 400, "Invalid Vault UUID".to_owned()),
        (format!("/v1/vaults/{upper}/items"), 400, "Invalid Vault UUID".to_owned()),
        (format!("/v1/vaults/{DEMO}/items/nope"), 400, "Invalid Item UUID".to_owned()),
        (format!("/v1/vaults/{DEMO}/items/nope/files"), 400, "Invalid Item UUID".to_owned()),
        (item("certificatedocument") + "/files/nope", 400, "Invalid File UUID".to_owned()),
        (format!("/v1/vaults/{unknown}/items"), 404, format!("vault {unknown} not found")),
        (format!("/v1/vaults/{DEMO}/items/{unknown}"), 404, format!("item {unknown} not found")),
        (format!("{}/files/{unknown}/content", item("certificatedocument")), 404, format!("file {unknown} not found")),
        ("/v2/vaults".to_owned(), 404, "Not found".to_owned()),
    ] {
        let reply = server.call("GET", &path, WRITE_TOKEN, None);
        assert_eq!((reply.status, reply.message()), (status, message), "{path}");
        assert_eq!(reply.json()["status"], status);
    }
    assert_eq!(server.call("DELETE", "/v1/vaults", WRITE_TOKEN, None).status, 405);
}

#[test]
fn every_answer_names_the_version() {
    let server = StandIn::start(EXAMPLE, &[]);
    for path in ["/v1/vaults", "/v1/vaults/nope", "/nowhere", "/heartbeat", "/health"] {
        let reply = server.call("GET", path, WRITE_TOKEN, None);
        assert_eq!(reply.header("1Password-Connect-Version"), Some("1.7.1"), "{path}");
    }
    assert_eq!(server.call("GET", "/health", WRITE_TOKEN, None).json()["version"], "1.7.1");
    assert_eq!(server.call("GET", "/heartbeat", WRITE_TOKEN, None).text(), ".");
}

#[test]
fn health_tells_whether_the_first_good_token_came() {
    let server = StandIn::start(EXAMPLE, &[]);
    let sync = || server.call("GET", "/health", "wrong", None).json()["dependencies"][0]["status"].clone();
    server.call("GET", "/v1/vaults", "wrong", None);
    assert_eq!(sync(), "TOKEN_NEEDED");
    server.call("GET", "/v1/vaults", READ_TOKEN, None);
    assert_eq!(sync(), "ACTIVE");
}

#[test]
fn lists_can_be_filtered() {
    let server = StandIn::start(EXAMPLE, &[]);
    let names = |path: String, key: &str| {
        let list: Value = server.call("GET", &path, WRITE_TOKEN, None).json();
        list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let vaults = |filter: &str| names(format!("/v1/vaults?filter={filter}"), "name");
    assert_eq!(vaults("name+eq+%22demo%22"), ["demo"]);
    assert_eq!(vaults("title%20eq%20%22OTHER%22"), ["other"]);
    assert!(vaults("name%20eq%20%22dem%22").is_empty());
    let items = |filter: &str| names(format!("{}?filter={filter}", items_path()), "title");
    assert_eq!(items("title%20eq%20%22Deploy%20Key%22"), ["deploy key"]);
    assert_eq!(items("title%20eq%20%22twin%22"), ["twin", "twin"]);
    assert_eq!(items("title%20co%20%22OLD%22"), ["old router"]);
    assert_eq!(items("tag%20eq%20%22demo%22"), ["webmail", "tailscale"]);
    for filter in ["title", "title%20eq%20twin", "size%20eq%20%221%22", "title%20gt%20%22a%22"] {
        let reply = server.call("GET", &format!("{}?filter={filter}", items_path()), WRITE_TOKEN, None);
        assert_eq!((reply.status, reply.message()), (400, "Invalid filter".to_owned()), "{filter}");
    }
}

#[test]
fn activity_comes_in_pages() {
    let server = StandIn::start(EXAMPLE, &[]);
    for _ in 0..3 {
        server.call("GET", "/v1/vaults", READ_TOKEN, None);
    }
    server.call("GET", &format!("/v1/vaults/{OTHER}"), READ_TOKEN, None);
    let page = |query: &str| {
        let reply = server.call("GET", &format!("/v1/activity{query}"), READ_TOKEN, None);
        (reply.header("Content-Range").unwrap().to_owned(), reply.json())
    };
    let (range, events) = page("?limit=2");
    assert_eq!((range.as_str(), events.as_array().unwrap().len()), ("1-2/4", 2));
    assert_eq!((&events[0]["action"], &events[0]["result"]), (&"READ".into(), &"DENY".into()));
    assert_eq!(events[1]["result"], "SUCCESS");
    assert_eq!(page("?limit=10&offset=3").0, "4-4/4");
    assert_eq!(page("?offset=9"), ("0-0/4".to_owned(), serde_json::json!([])));
    assert_eq!(server.call("GET", "/v1/activity?limit=x", READ_TOKEN, None).status, 400);
}
