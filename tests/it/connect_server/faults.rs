//! Each fault, on the command line or set while the server runs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{item, items_path};
use crate::common::connect::{DEMO, EXAMPLE, StandIn, WRITE_TOKEN};
use crate::common::http::{self, Call};

fn statuses(server: &StandIn, count: usize) -> Vec<u16> {
    (0..count).map(|_| server.call("GET", "/v1/vaults", WRITE_TOKEN, None).status).collect()
}

fn note(title: &str) -> Value {
    json!({ "vault": { "id": DEMO }, "category": "SECURE_NOTE", "title": title })
}

#[test]
fn starting_up() {
    let server = StandIn::start(EXAMPLE, &["--starting-next", "2"]);
    assert_eq!(http::send(&server.url(), "GET", "/heartbeat", Call::default()).unwrap().status, 200);
    let reply = server.call("GET", "/v1/vaults", WRITE_TOKEN, None);
    assert_eq!(reply.status, 408);
    assert_eq!(reply.message(), "sync did not complete within timeout, please retry the request");
    assert_eq!(statuses(&server, 2), [408, 200]);
}

#[test]
fn too_many_requests() {
    let server = StandIn::start(EXAMPLE, &["--too-many-next", "1", "--retry-after", "7"]);
    let reply = server.call("GET", "/v1/vaults", WRITE_TOKEN, None);
    assert_eq!((reply.status, reply.header("Retry-After")), (429, Some("7")));
    server.set_faults(&json!({ "too-many-every": 3 }));
    assert_eq!(statuses(&server, 6), [200, 200, 429, 200, 200, 429]);
    assert_eq!(server.call("GET", "/v1/vaults", WRITE_TOKEN, None).header("Retry-After"), None);
}

#[test]
fn errors_of_the_server() {
    let server = StandIn::start(EXAMPLE, &["--internal-next", "1", "--unavailable-next", "2"]);
    assert_eq!(statuses(&server, 4), [500, 503, 503, 200]);
    server.set_faults(&json!({ "status-next": 1, "status": 409 }));
    assert_eq!(statuses(&server, 2), [409, 200]);
    server.set_faults(&json!({ "error-percent": 100 }));
    assert_eq!(statuses(&server, 3), [500, 500, 500]);
    server.set_faults(&json!({}));
    assert_eq!(statuses(&server, 1), [200]);
}

#[test]
fn a_share_of_all_requests_fails_in_turn_and_the_same_each_time() {
    let server = StandIn::start(EXAMPLE, &["--mixed-percent", "50"]);
    let ask = || match server.try_call("GET", "/v1/vaults", WRITE_TOKEN, None) {
        Ok(reply) => (reply.status, reply.header("Retry-After").map(str::to_owned)),
        Err(_) => (0, None),
    };
    let second = Some("1".to_owned());
    let faults = [(500, None), (503, None), (429, second.clone()), (0, None), (503, second), (429, None), (500, None)];
    for fault in faults {
        assert_eq!([ask(), ask()], [(200, None), fault]);
    }
    server.set_faults(&json!({ "mixed-percent": 5 }));
    let failed: Vec<usize> = (1..=60).filter(|_| ask().0 != 200).collect();
    assert_eq!(failed, [20, 40, 60]);
}

#[test]
fn only_some_requests() {
    let server = StandIn::start(EXAMPLE, &["--only", "POST /v1/vaults", "--unavailable-next", "1"]);
    assert_eq!(statuses(&server, 2), [200, 200]);
    assert_eq!(server.call("POST", &items_path(), WRITE_TOKEN, Some(&note("x"))).status, 503);
    assert_eq!(server.call("POST", &items_path(), WRITE_TOKEN, Some(&note("x"))).status, 200);
    assert_eq!(server.faults()["unavailable-next"], 0);
}

#[test]
fn stale_reads_by_count() {
    let server = StandIn::start(EXAMPLE, &["--stale-reads", "2"]);
    let made = server.call("POST", &items_path(), WRITE_TOKEN, Some(&note("new"))).json();
    let path = format!("{}/{}", items_path(), made["id"].as_str().unwrap());
    let read = || server.call("GET", &path, WRITE_TOKEN, None);
    assert_eq!([read().status, read().status, read().status], [404, 404, 200]);
    // The answer to a PUT has the new content and the old version.
    let put = server.call("PUT", &path, WRITE_TOKEN, Some(&note("newer"))).json();
    assert_eq!((&put["title"], &put["version"]), (&json!("newer"), &json!(1)));
    let versions: Vec<Value> = (0..3).map(|_| read().json()["version"].clone()).collect();
    assert_eq!(versions, [1, 1, 2]);
    server.call("DELETE", &path, WRITE_TOKEN, None);
    assert_eq!([read().status, read().status, read().status], [200, 200, 404]);
}

#[test]
fn stale_reads_by_time() {
    let server = StandIn::start(EXAMPLE, &["--stale-ms", "3600000"]);
    let made = server.call("POST", &items_path(), WRITE_TOKEN, Some(&note("new"))).json();
    let path = format!("{}/{}", items_path(), made["id"].as_str().unwrap());
    let titles = || {
        let list = server.call("GET", &items_path(), WRITE_TOKEN, None).json();
        list.as_array().unwrap().iter().filter(|item| item["title"] == "new").count()
    };
    assert_eq!((server.call("GET", &path, WRITE_TOKEN, None).status, titles()), (404, 0));
    server.set_faults(&json!({}));
    assert_eq!((server.call("GET", &path, WRITE_TOKEN, None).status, titles()), (200, 1));
}

#[test]
fn truncated_bodies() {
    let server = StandIn::start(EXAMPLE, &["--truncate-next", "1"]);
    let problem = server.try_call("GET", "/v1/vaults", WRITE_TOKEN, None).unwrap_err();
    assert!(problem.contains("the body ends early"), "{problem}");
    assert_eq!(statuses(&server, 1), [200]);
    assert_eq!(server.requests().requests, ["GET /v1/vaults 200", "GET /v1/vaults 200"]);
}

#[test]
fn dropped_connections() {
    let server = StandIn::start(EXAMPLE, &["--drop-next", "1"]);
    let post = || server.try_call("POST", &items_path(), WRITE_TOKEN, Some(&note("new")));
    let count = || server.call("GET", &items_path(), WRITE_TOKEN, None).json().as_array().unwrap().len();
    assert!(post().unwrap_err().contains("no answer"));
    assert_eq!(count(), 8);
    assert_eq!(server.requests().requests[0], format!("POST {} -", items_path()));
    // This one takes effect, and the client cannot know.
    server.set_faults(&json!({ "drop-after-next": 1 }));
    assert!(post().unwrap_err().contains("no answer"));
    assert_eq!(count(), 9);
}

#[test]
fn no_answer_at_all() {
    let server = StandIn::start(EXAMPLE, &["--hang-next", "1"]);
    let call = Call { token: Some(WRITE_TOKEN), patience: Some(Duration::from_millis(200)), ..Call::default() };
    assert!(http::send(&server.url(), "GET", "/v1/vaults", call).unwrap_err().contains("no answer"));
    assert_eq!(statuses(&server, 1), [200]);
    assert_eq!(server.requests().requests, ["GET /v1/vaults -", "GET /v1/vaults 200"]);
}

#[test]
fn a_web_page_instead() {
    let server = StandIn::start(EXAMPLE, &["--html-next", "1"]);
    let reply = server.call("GET", "/v1/vaults", WRITE_TOKEN, None);
    assert_eq!((reply.status, reply.header("1Password-Connect-Version")), (200, None));
    assert!(reply.header("Content-Type").unwrap().starts_with("text/html") && reply.text().starts_with("<!DOCTYPE"));
}

#[test]
fn a_redirect() {
    let elsewhere = StandIn::start(EXAMPLE, &[]);
    let target = format!("{}/v1/vaults", elsewhere.url());
    let server = StandIn::start(EXAMPLE, &["--redirect-next", "1", "--redirect-to", &target]);
    let reply = server.call("GET", "/v1/vaults", WRITE_TOKEN, None);
    assert_eq!((reply.status, reply.header("Location")), (307, Some(target.as_str())));
    // What a client's test asserts: nobody took the token there.
    assert_eq!(elsewhere.requests().with_token, 0);
}

#[test]
fn the_wrong_item() {
    let server = StandIn::start(EXAMPLE, &["--wrong-item-next", "1"]);
    assert_eq!(statuses(&server, 1), [200]);
    let read = || server.call("GET", &item("tailscalekey"), WRITE_TOKEN, None).json()["title"].clone();
    assert_eq!((read(), read()), (json!("webmail"), json!("tailscale")));
}

#[test]
fn a_file_not_yet_synced() {
    let server = StandIn::start(EXAMPLE, &["--unsynced-next", "1"]);
    let path = item("certificatedocument") + "/files/certificatefile00000000000/content";
    let read = || server.call("GET", &path, WRITE_TOKEN, None).status;
    assert_eq!((statuses(&server, 1), read(), read()), (vec![200], 500, 200));
}

#[test]
fn unknown_faults_are_refused() {
    let server = StandIn::start(EXAMPLE, &[]);
    for body in ["{\"explode\": true}", "{\"status\": 7}", "[", "{\"drop-next\": -1}"] {
        let call = Call { body: Some(body), ..Call::default() };
        assert_eq!(http::send(&server.url(), "POST", "/_stand-in/faults", call).unwrap().status, 400, "{body}");
    }
}
