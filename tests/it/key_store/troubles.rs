//! Connect in trouble: answers that are lost, late, or errors. What is stored is stored once, and proven.

use super::items::{keys, raw};
use super::{ROTATION, place, record, refused};
use crate::common::connect::{EXAMPLE, StandIn};
use pkeys::source::KeyStore;
use serde_json::{Value, json};

fn sent(server: &StandIn, method: &str) -> usize {
    server.requests().requests.iter().filter(|request| request.starts_with(method)).count()
}

#[test]
fn reads_that_lag_behind_are_waited_for() {
    for faults in [json!({ "stale-reads": 5 }), json!({ "stale-ms": 300 })] {
        let server = StandIn::start(EXAMPLE, &[]);
        server.set_faults(&faults);
        for (current, previous, archived) in ROTATION {
            keys(&server).write(&place(), &record(current, previous, archived)).unwrap();
        }
        assert_eq!((sent(&server, "POST"), sent(&server, "DELETE")), (1, 1), "{faults}");
        assert_eq!(sent(&server, "PUT"), ROTATION.len() - 2, "{faults}");
    }
}

#[test]
fn a_change_that_does_not_show_is_an_error_and_can_be_repeated() {
    let server = StandIn::start(EXAMPLE, &[]);
    keys(&server).write(&place(), &record(1, 0, 0)).unwrap();
    server.set_faults(&json!({ "stale-ms": 60_000 }));
    let late = "does not show the change of item \"ssh ann laptop\" in vault \"demo\"";
    refused(keys(&server).write(&place(), &record(2, 1, 0)), late, "run it again");
    server.set_faults(&json!({}));
    keys(&server).write(&place(), &record(2, 1, 0)).unwrap();
    assert_eq!(keys(&server).read(&place()).unwrap(), Some(record(2, 1, 0)));
}

/// Each step of a rotation under faults that pass: it ends as if there were none.
fn survives(method: &str, faults: &Value) {
    let server = StandIn::start(EXAMPLE, &[]);
    let items = if method == "POST" { "/items" } else { "/items/" };
    for (current, previous, archived) in ROTATION {
        let mut faults = faults.clone();
        faults["only"] = json!(format!("{method} /v1/vaults/demovaultaaaaaaaaaaaaaaaaa{items}"));
        server.set_faults(&faults);
        let record = record(current, previous, archived);
        keys(&server).write(&place(), &record).unwrap_or_else(|e| panic!("{method} {faults}: {e}"));
        server.set_faults(&json!({}));
        let kept = keys(&server).read(&place()).unwrap();
        assert_eq!(kept, Some(record).filter(|record| !record.is_empty()), "{method} {faults}");
        assert!(raw(&server).len() <= 1, "{method} {faults}: stored twice");
    }
}

#[test]
fn a_lost_answer_does_not_store_anything_twice() {
    for method in ["POST", "PUT", "DELETE"] {
        survives(method, &json!({ "drop-after-next": 1 }));
        survives(method, &json!({ "drop-after-next": 1, "stale-reads": 4 }));
    }
}

#[test]
fn a_change_that_did_not_arrive_is_sent_again() {
    for method in ["POST", "PUT", "DELETE"] {
        for faults in [
            json!({ "drop-next": 1 }),
            json!({ "status-next": 1, "status": 409 }),
            json!({ "internal-next": 2 }),
            json!({ "unavailable-next": 1 }),
            json!({ "too-many-next": 2, "retry-after": 0 }),
            json!({ "status-next": 1, "status": 403 }),
        ] {
            survives(method, &faults);
        }
    }
}

#[test]
fn an_answer_that_is_cut_short_or_a_web_page_is_looked_behind() {
    survives("POST", &json!({ "truncate-next": 1 }));
    let server = StandIn::start(EXAMPLE, &[]);
    server.set_faults(&json!({ "html-next": 1, "only": "POST" }));
    refused(keys(&server).write(&place(), &record(1, 0, 0)), "does not show the change", "run it again");
    keys(&server).write(&place(), &record(1, 0, 0)).unwrap();
    assert_eq!(raw(&server).len(), 1);
}

#[test]
fn troubles_that_stay_are_said_after_three_tries_and_change_nothing() {
    for (faults, message) in [
        (json!({ "status": 409 }), "had another change at the time of the change of item \"ssh ann laptop\""),
        (json!({ "status": 500 }), "failed with status 500 when asked for the change of item \"ssh ann laptop\""),
        (json!({ "status": 503 }), "failed with status 503"),
        (json!({ "status": 429 }), "is asked too often"),
        (json!({ "status": 403 }), "denied the change of item"),
    ] {
        let server = StandIn::start(EXAMPLE, &[]);
        keys(&server).write(&place(), &record(1, 0, 0)).unwrap();
        let mut faults = faults;
        (faults["status-next"], faults["only"]) = (json!(100), json!("PUT"));
        server.set_faults(&faults);
        refused(keys(&server).write(&place(), &record(2, 1, 0)), message, "");
        assert_eq!(sent(&server, "PUT"), 3, "{faults}");
        assert_eq!(keys(&server).read(&place()).unwrap(), Some(record(1, 0, 0)));
    }
    let server = StandIn::start(EXAMPLE, &[]);
    server.set_faults(&json!({ "status-next": 1, "status": 400, "only": "POST" }));
    refused(keys(&server).write(&place(), &record(1, 0, 0)), "with status 400", "log of the Connect server");
    assert_eq!(sent(&server, "POST"), 1);
}

#[test]
fn writers_in_one_program_go_one_after_the_other() {
    let server = StandIn::start(EXAMPLE, &[]);
    let keys = keys(&server);
    std::thread::scope(|scope| {
        for number in 1..5 {
            let keys = &keys;
            let place = pkeys::source::KeyPlace {
                label: pkeys::base::KeyLabel::new(format!("key{number}")).unwrap(),
                ..place()
            };
            scope.spawn(move || {
                keys.write(&place, &record(number, 0, 0)).unwrap();
                assert_eq!(keys.read(&place).unwrap(), Some(record(number, 0, 0)));
            });
        }
    });
    assert_eq!(sent(&server, "POST"), 4);
}
