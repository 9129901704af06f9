//! The OpenAPI document finds nothing wrong, in either direction.
//!
//! `ALLOWED` is the list of what it does find wrong, each with its reason.

use serde_json::{Value, json};

use super::{clients, item, items_path};
use crate::common::connect::{DEMO, EXAMPLE, OTHER_TOKEN, Prism, READ_TOKEN, StandIn, WRITE_TOKEN};
use crate::common::http::{self, Call, Reply};

/// Statuses that Connect answers and the document leaves out, for lists of items and for files: 403 for a vault that
/// the token does not open. Not allowed anywhere else.
const ALLOWED: [&str; 1] = ["response Unable to match the returned status code with those defined in the document:"];

fn call(proxy: &Prism, method: &str, path: &str, token: &str, body: Option<Value>) -> Reply {
    let body = body.map(|body| body.to_string());
    let call = Call { token: Some(token), body: body.as_deref(), patience: None };
    http::send(&proxy.url(), method, path, call).unwrap_or_else(|problem| panic!("{problem}"))
}

#[test]
fn the_official_clients_conform() {
    let server = StandIn::start(EXAMPLE, &[]);
    let Some(proxy) = Prism::start(&server.url()) else { return };
    clients::python(&proxy.url(), &["--conformance"]);
    clients::javascript(&proxy.url(), &["--conformance"]);
    assert_eq!(proxy.violations(), Vec::<String>::new());
}

#[test]
fn every_call_conforms() {
    let server = StandIn::start(EXAMPLE, &["--max-inline-kb", "1"]);
    let Some(proxy) = Prism::start(&server.url()) else { return };
    let get = |path: &str, token: &str| call(&proxy, "GET", path, token, None);

    for path in ["/v1/vaults", "/v1/vaults?filter=name%20eq%20%22demo%22", &format!("/v1/vaults/{DEMO}"), &items_path()]
    {
        assert_eq!(get(path, WRITE_TOKEN).status, 200, "{path}");
        assert_eq!(get(path, "wrong").status, 401, "{path}");
    }
    let list = get(&items_path(), WRITE_TOKEN).json();
    for overview in list.as_array().unwrap() {
        let path = format!("{}/{}", items_path(), overview["id"].as_str().unwrap());
        assert_eq!(get(&path, READ_TOKEN).json()["title"], overview["title"]);
        let files = get(&format!("{path}/files?inline_files=true"), READ_TOKEN).json();
        for file in files.as_array().unwrap() {
            let path = format!("{path}/files/{}", file["id"].as_str().unwrap());
            assert_eq!(get(&path, READ_TOKEN).json()["size"], file["size"]);
            assert_eq!(get(&format!("{path}/content"), READ_TOKEN).status, 200);
        }
    }

    let new = json!({ "vault": { "id": DEMO }, "category": "LOGIN", "title": "new",
    "sections": [{ "id": "one", "label": "One" }],
    "fields": [
        { "purpose": "PASSWORD", "generate": true, "recipe": { "length": 12, "characterSets": ["LETTERS"] } },
        { "id": "extra", "type": "CONCEALED", "value": "1", "section": { "id": "one" } },
    ]});
    let made = call(&proxy, "POST", &items_path(), WRITE_TOKEN, Some(new.clone())).json();
    let path = format!("{}/{}", items_path(), made["id"].as_str().unwrap());
    let patches = json!([
        { "op": "replace", "path": "/fields/extra/value", "value": "2" },
        { "op": "add", "path": "/fields/-", "value": { "label": "more" } },
        { "op": "remove", "path": "/tags" },
    ]);
    assert_eq!(call(&proxy, "PATCH", &path, WRITE_TOKEN, Some(patches)).json()["version"], 2);
    assert_eq!(call(&proxy, "PUT", &path, WRITE_TOKEN, Some(made.clone())).json()["version"], 3);
    for (method, body) in [("PUT", Some(made)), ("PATCH", Some(json!([]))), ("DELETE", None), ("GET", None)] {
        assert_eq!(call(&proxy, method, &path, OTHER_TOKEN, body).status, 403, "{method}");
    }
    assert_eq!(call(&proxy, "DELETE", &path, WRITE_TOKEN, None).status, 204);
    assert_eq!(call(&proxy, "DELETE", &path, WRITE_TOKEN, None).status, 404);
    assert_eq!(get(&path, WRITE_TOKEN).status, 404);
    let mut bad = new;
    bad["fields"][1]["section"]["id"] = json!("nowhere");
    assert_eq!(call(&proxy, "POST", &items_path(), WRITE_TOKEN, Some(bad)).status, 400);

    for path in ["/v1/activity", "/v1/activity?limit=3&offset=1", "/heartbeat", "/health", "/metrics"] {
        assert_eq!(get(path, WRITE_TOKEN).status, 200, "{path}");
    }
    assert_eq!(proxy.violations(), Vec::<String>::new());

    // What the document leaves out.
    let undocumented = [
        items_path(),
        item("certificatedocument") + "/files",
        item("certificatedocument") + "/files/certificatefile00000000000/content",
    ];
    for path in &undocumented {
        assert_eq!(get(path, OTHER_TOKEN).status, 403, "{path}");
    }
    let found = proxy.violations();
    assert!(found.iter().all(|violation| ALLOWED.iter().any(|allowed| violation.contains(allowed))), "{found:#?}");
    assert_eq!(found.len(), undocumented.len());
}

/// Without this, a proxy that looks at nothing would pass all the tests above.
#[test]
fn the_proxy_does_find_violations() {
    let server = StandIn::start(&EXAMPLE.replace("WIRELESS_ROUTER", "WIRELESS_NOVEL"), &[]);
    let Some(proxy) = Prism::start(&server.url()) else { return };
    let bad_request = json!({ "vault": { "id": DEMO }, "title": "no category" });
    assert_eq!(call(&proxy, "POST", &items_path(), WRITE_TOKEN, Some(bad_request)).status, 422);
    let bad_answer = call(&proxy, "GET", &item("oldarchived"), WRITE_TOKEN, None);
    assert!(bad_answer.status == 500 && bad_answer.text().contains("category"), "{}", bad_answer.text());
    let found = proxy.violations();
    assert!(found.iter().any(|line| line.contains(&format!("post {}", items_path()))), "{found:#?}");
    assert!(found.iter().any(|line| line.contains("oldarchived")), "{found:#?}");
    assert!(server.requests().requests.iter().all(|request| !request.starts_with("POST")));
}
