//! What goes wrong on the way: passing troubles cost nothing but requests, the others are said in clear words.

use super::fake::{Fake, Reply, VERSION, id, item, quick, read, versions};
use pkeys::source::connect::Connect;
use serde_json::json;
use std::net::TcpStream;
use std::time::Duration;

const ONE: &str = "op://vault0/web/password";

fn html(status: u16) -> Reply {
    Reply::Is(status, "Content-Type: text/html\r\n", b"<html>hunter2</html>".to_vec())
}

#[test]
fn passing_troubles_are_sat_out() {
    let troubles = [
        Reply::refusal(408, VERSION, "sync did not complete within timeout, please retry the request"),
        Reply::refusal(429, "Retry-After: 0\r\n", "slow down"),
        Reply::refusal(429, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "slow down"),
        Reply::refusal(403, VERSION, "Authorization: token does not have access to vault"),
        html(500),
        html(502),
        html(503),
        html(504),
        Reply::Half,
        Reply::Drop,
    ];
    for (number, trouble) in troubles.iter().enumerate() {
        for path in ["/v1/vaults", "/items", "/items/"] {
            let server = Fake::small();
            server.tell(2, path, trouble);
            assert_eq!(read(&server.client(), &[ONE]), [Ok("hunter2".into())], "trouble {number} of {path}");
            assert_eq!(server.requests().len(), 5, "trouble {number} of {path}");
        }
    }
}

#[test]
fn half_a_text_in_a_whole_answer_is_asked_for_again() {
    for (path, text) in [("/v1/vaults", "[{\"id\": \"hunter2"), ("/items/", "{\"fields\": [{\"value\": \"hunter2")] {
        let server = Fake::small();
        server.tell(2, path, &Reply::Is(200, VERSION, text.into()));
        assert_eq!(read(&server.client(), &[ONE]), [Ok("hunter2".into())]);
        assert_eq!(server.requests().len(), 5);
    }
}

#[test]
fn a_hanging_server_is_waited_for_only_so_long() {
    let server = Fake::small();
    let mut settings = quick(&server.url());
    settings.timeout = Duration::from_secs(1);
    settings.retry.attempts = 2;
    let connect = Connect::new(settings).unwrap();
    server.tell(1, "/items/", &Reply::Hang);
    assert_eq!(read(&connect, &[ONE]), [Ok("hunter2".into())]);
    connect.forget();
    server.tell(2, "/v1/vaults", &Reply::Hang);
    let late = format!("1Password Connect at {} did not answer in time", server.url());
    assert_eq!(read(&connect, &[ONE]), [Err(late)]);
}

#[test]
fn troubles_that_stay_are_said_after_five_attempts() {
    let at = |server: &Fake, text: &str| vec![Err(text.replace("URL", &server.url()))];
    for (trouble, times, message) in [
        (Reply::refusal(408, "", "sync"), 5, "1Password Connect at URL has not finished its first sync: sync"),
        (Reply::refusal(429, "", "slow"), 5, "1Password Connect at URL is asked too often: slow"),
        (html(500), 5, "1Password Connect at URL failed with status 500 when asked for item \"web\""),
        (html(503), 5, "1Password Connect at URL failed with status 503 when asked for item \"web\""),
        (Reply::Half, 5, "the answer of 1Password Connect at URL was cut short"),
        (Reply::Drop, 5, "the answer of 1Password Connect at URL was cut short"),
        (Reply::refusal(403, "", "no"), 3, "1Password Connect at URL denied item \"web\": no"),
        (Reply::refusal(401, "", "expired"), 1, "1Password Connect at URL refused the token: expired"),
        (Reply::refusal(404, "", "gone"), 1, "1Password Connect at URL does not know item \"web\": gone"),
        (html(404), 1, "URL did not answer as 1Password Connect does: status 404"),
        (html(200), 1, "URL did not answer as 1Password Connect does: it is not JSON"),
        (
            Reply::Is(200, "", b"{\"password\": \"hunter2\"}".to_vec()),
            1,
            "URL did not answer as 1Password Connect does: the JSON has another shape",
        ),
        (
            Reply::Is(500, "", b"{\"status\": 500, \"message\": \"hunter2\", \"trace\": \"hunter2\"}".to_vec()),
            5,
            "1Password Connect at URL failed with status 500 when asked for item \"web\"",
        ),
    ] {
        let server = Fake::small();
        server.tell(9, "/items/", &trouble);
        assert_eq!(read(&server.client(), &[ONE]), at(&server, message));
        assert_eq!(server.requests().len(), 2 + times, "{message}");
    }
}

#[test]
fn a_message_of_the_server_is_made_fit_for_a_terminal() {
    let server = Fake::small();
    let long = format!("\u{1b}[31m{}", "x".repeat(1000));
    server.tell(1, "/v1/vaults", &Reply::refusal(401, "", &long));
    let message = server.client().check().unwrap_err().message().to_owned();
    assert!(message.ends_with(&format!(": [31m{}", "x".repeat(196))));
}

#[test]
fn a_redirect_is_not_followed_and_the_other_server_sees_nothing() {
    let (server, other) = (Fake::small(), Fake::small());
    let location: &'static str = format!("Location: {}/v1/vaults?x=hunter2\r\n", other.url()).leak();
    for status in [301, 302, 303, 307, 308] {
        server.tell(1, "/v1/vaults", &Reply::Is(status, location, vec![]));
        let message = format!("{} points to {}/v1/vaults, which was not followed", server.url(), other.url());
        assert_eq!(read(&server.client(), &[ONE]), [Err(message)]);
    }
    assert_eq!(server.requests().len(), 5);
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn another_item_than_the_one_asked_for_is_refused() {
    let server = Fake::small();
    for (vault, number) in [(0, 1), (1, 0)] {
        let wrong = item(vault, &id("i", number), "web", json!({"fields": [{"id": "password", "value": "hunter2"}]}));
        server.tell(1, "/items/", &Reply::Is(200, VERSION, wrong.to_string().into_bytes()));
        let message = "did not answer as 1Password Connect does: it sent another item than the one asked for";
        assert_eq!(read(&server.client(), &[ONE]), [Err(format!("{} {message}", server.url()))]);
    }
}

#[test]
fn a_file_must_come_from_connect_and_may_be_late() {
    let files = json!({"files": [{"id": "f", "name": "ca.pem"}]});
    let server = Fake::new(vec![vec![item(0, &id("i", 0), "web", files)]], &[("f", b"CA")]);
    let reference = "op://vault0/web/ca.pem";
    server.tell(1, "/content", &Reply::refusal(500, VERSION, "file content is not yet available"));
    assert_eq!(read(&server.client(), &[reference]), [Ok("CA".into())]);
    server.tell(1, "/content", &html(200));
    let message = "did not answer as 1Password Connect does: its version is not in the answer";
    assert_eq!(read(&server.client(), &[reference]), [Err(format!("{} {message}", server.url()))]);
}

#[test]
fn ids_of_the_server_cannot_lead_elsewhere() {
    let server = Fake::new(vec![vec![item(0, "../../../metrics", "web", json!({}))]], &[]);
    let message = format!("{} did not answer as 1Password Connect does: an id has another form", server.url());
    assert_eq!(read(&server.client(), &[ONE]), [Err(message)]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_server_that_is_down_is_said_for_each_reference() {
    // The port of a client's end is taken, so nobody else gets it, and nothing listens there.
    let server = Fake::small();
    let taken = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let connect = Connect::new(quick(&url)).unwrap();
    let message = Err(format!("cannot reach 1Password Connect at {url}: nothing listens there"));
    assert_eq!(read(&connect, &[ONE, "op://other/web/x"]), [message.clone(), message.clone()]);
    assert_eq!(versions(&connect, &[ONE]), [message]);
    assert!(connect.check().unwrap_err().next_step().unwrap().contains("OP_CONNECT_HOST"));
}

#[test]
fn a_refused_token_is_not_tried_for_every_item() {
    let server = Fake::large();
    server.tell(100, "/", &Reply::refusal(401, VERSION, "expired"));
    let references: Vec<String> = (0..20).map(|n| format!("op://{}/{}/field0", id("v", n / 10), id("i", n))).collect();
    let answers = read(&server.client(), &references.iter().map(String::as_str).collect::<Vec<_>>());
    let message = format!("1Password Connect at {} refused the token: expired", server.url());
    assert!(answers.iter().all(|answer| *answer == Err(message.clone())));
    assert!(server.requests().len() <= 16);
}
