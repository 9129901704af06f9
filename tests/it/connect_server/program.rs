//! The program itself: where it listens, what it says, what data it takes.

use std::process::{Command, Output};

use serde_json::json;

use crate::common::connect::{DEMO, EXAMPLE, StandIn, WRITE_TOKEN};
use crate::common::http::{self, Call};

/// Runs the program where it is sure to stop by itself.
fn fails(data: &str, arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data.json");
    std::fs::write(&file, data).unwrap();
    let Output { status, stdout, stderr } =
        Command::new(StandIn::program()).arg("--data").arg(&file).args(arguments).output().unwrap();
    assert_eq!((status.code(), stdout.len()), (Some(1), 0));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn it_writes_the_port_that_it_listens_on() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("port");
    let server = StandIn::start(EXAMPLE, &["--port-file", file.to_str().unwrap()]);
    let port = std::fs::read_to_string(&file).unwrap();
    assert_eq!(server.url(), format!("http://127.0.0.1:{}", port.trim()));
}

#[test]
fn it_refuses_an_address_that_others_can_reach() {
    let message = fails(EXAMPLE, &["--listen", "0.0.0.0:0"]);
    assert_eq!(
        message,
        "error: 0.0.0.0:0 is not a loopback address\n\
         hint: this server protects nothing; if you mean it, add --allow-remote\n"
    );
}

#[test]
fn it_refuses_data_that_makes_no_sense() {
    let vault =
        |items: serde_json::Value| json!({ "vaults": [{ "id": DEMO, "name": "demo", "items": items }], "tokens": [] });
    for (data, problem) in [
        ("{".to_owned(), "not JSON at line 1, column 1"),
        (json!({ "vaults": [], "tokens": [], "more": 1 }).to_string(), "unknown field `more`"),
        (json!({ "vaults": [{ "id": "x", "name": "x" }], "tokens": [] }).to_string(), "is not 26 characters"),
        (vault(json!([{ "id": DEMO }])).to_string(), "is there twice"),
        (vault(json!([{ "files": [{ "name": "x" }] }])).to_string(), "give either `text` or `base64`"),
        (
            json!({ "vaults": [], "tokens": [{ "token": "x", "vaults": { DEMO: "read" } }] }).to_string(),
            "which is not there",
        ),
    ] {
        let message = fails(&data, &["--listen", "127.0.0.1:0"]);
        assert!(message.starts_with("error: ") && message.contains(problem), "{message}");
    }
}

#[test]
fn it_counts_requests_and_forgets_them_on_demand() {
    let server = StandIn::start(EXAMPLE, &[]);
    server.call("GET", "/v1/vaults?filter=name+eq+%22demo%22", WRITE_TOKEN, None);
    server.call("DELETE", "/v1/vaults/", WRITE_TOKEN, None);
    http::send(&server.url(), "GET", "/heartbeat", Call::default()).unwrap();
    let requests = server.requests();
    let expected = ["GET /v1/vaults?filter=name+eq+%22demo%22 200", "DELETE /v1/vaults/ 405", "GET /heartbeat 200"];
    assert_eq!((requests.total, requests.with_token, requests.peak), (3, 2, 1));
    assert_eq!(requests.requests, expected);
    server.reset_requests();
    assert_eq!(server.requests().total, 0);
    server.call("GET", "/v1/vaults", WRITE_TOKEN, None);
    assert_eq!(server.requests().requests, ["GET /v1/vaults 200"]);
}

#[test]
fn it_counts_what_is_under_way_at_the_same_time() {
    let server = StandIn::start(EXAMPLE, &["--latency-ms", "500"]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| server.call("GET", "/v1/vaults", WRITE_TOKEN, None));
        }
    });
    // How many of the four met depends on the machine; one after the other they were not.
    let requests = server.requests();
    assert!(requests.total == 4 && requests.peak > 1, "{requests:?}");
}
