//! Tests of `key_item`: what is written comes back, what is not ours stays, and what is odd is refused.

use super::*;
use crate::base::{KeyLabel, UserName};
use crate::source::Reference;
use crate::source::pair::tests::key;

fn parsed(raw: &Raw) -> Item {
    let mut raw = raw.0.clone();
    raw["id"] = json!("i");
    serde_json::from_value(raw).unwrap()
}

fn written(record: &KeyRecord) -> Raw {
    let (raw, item) = new("v", "ssh ann laptop");
    with(record, raw, &item).unwrap()
}

fn full() -> KeyRecord {
    KeyRecord { current: Some(key("a")), previous: Some(key("b")), archived: Some((key("c"), "2026-08-01".into())) }
}

#[test]
fn the_title_names_the_user_and_the_label() {
    let place = KeyPlace { user: UserName::new("ann").unwrap(), label: KeyLabel::new("laptop").unwrap() };
    assert_eq!(title(&place), "ssh ann laptop");
}

#[test]
fn every_record_comes_back_as_written() {
    for at in 0..8 {
        let all = full();
        let record = KeyRecord {
            current: all.current.filter(|_| at & 1 > 0),
            previous: all.previous.filter(|_| at & 2 > 0),
            archived: all.archived.filter(|_| at & 4 > 0),
        };
        let raw = written(&record);
        assert_eq!(super::record(&parsed(&raw)).unwrap(), record);
        let item = parsed(&raw);
        let concealed = item.fields.iter().filter(|field| field.label == PRIVATE);
        assert!(concealed.clone().all(|field| field.kind == "CONCEALED"));
        assert!(!holds_more(&item));
    }
}

#[test]
fn the_reference_to_the_current_key_never_finds_an_older_one() {
    let record = KeyRecord { current: None, ..full() };
    let item = parsed(&written(&record));
    let Reference::Op(reference) = Reference::parse("op://v/ssh ann laptop/private key").unwrap() else { panic!() };
    let resolve::Found::Field(field) = resolve::field(&item, &reference).unwrap() else { panic!() };
    assert!(field.value.get().is_none());
}

#[test]
fn what_is_not_ours_stays_and_what_is_not_needed_goes() {
    let mut raw = written(&full());
    let theirs = [
        json!({ "id": "n", "label": "notes", "value": "hello", "new": [1] }),
        json!({ "id": "p", "label": PRIVATE, "section": { "id": "s" }, "type": "CONCEALED", "value": "theirs" }),
        json!({ "id": "q", "label": "hint", "section": { "id": "pkeys_previous" }, "value": "x" }),
    ];
    raw.0["fields"].as_array_mut().unwrap().extend(theirs.clone());
    raw.0["sections"].as_array_mut().unwrap().push(json!({ "id": "s", "label": "other" }));
    raw.0["odd"] = json!({ "kept": true });
    let item = parsed(&raw);
    assert!(holds_more(&item));
    assert!(super::record(&item).unwrap().current.is_some());

    let changed = with(&KeyRecord::default(), Raw(raw.0.clone()), &item).unwrap();
    assert_eq!(changed.0["fields"], json!(theirs));
    assert_eq!(changed.0["odd"], json!({ "kept": true }));
    let sections: Vec<_> = changed.0["sections"].as_array().unwrap().iter().map(|s| s["label"].clone()).collect();
    assert_eq!(sections, ["previous", "other"]);
    assert!(super::record(&parsed(&changed)).unwrap().is_empty());
}

#[test]
fn ids_that_connect_chose_itself_do_not_matter() {
    let record = full();
    let mut raw = written(&record);
    for (number, field) in raw.0["fields"].as_array_mut().unwrap().iter_mut().enumerate() {
        field["id"] = json!(format!("id{number}"));
        if field.get("section").is_none() {
            field["section"] = json!({ "id": "add more" });
        }
    }
    assert_eq!(super::record(&parsed(&raw)).unwrap(), record);
    let again = with(&record, Raw(raw.0.clone()), &parsed(&raw)).unwrap();
    assert_eq!(again.0["fields"].as_array().unwrap().len(), raw.0["fields"].as_array().unwrap().len());
    assert_eq!(super::record(&parsed(&again)).unwrap(), record);
}

#[test]
fn an_item_that_was_changed_by_hand_is_refused_without_repeating_it() {
    let spoil = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut raw = written(&full());
        change(raw.0["fields"].as_array_mut().unwrap());
        super::record(&parsed(&raw)).unwrap_err()
    };
    let set = |label: &'static str, part: &'static str, value: &'static str| {
        move |fields: &mut Vec<Value>| {
            fields.iter_mut().find(|field| field["label"] == label).unwrap()[part] = json!(value);
        }
    };
    for (error, message) in [
        (spoil(&set(PRIVATE, "value", "hunter2")), "its private key is none in OpenSSH's format"),
        (spoil(&set(PRIVATE, "value", "")), "it has no \"private key\""),
        (spoil(&set(PRIVATE, "type", "STRING")), "its private key is not in a concealed field"),
        (spoil(&set(PUBLIC, "value", "hunter2")), "its public key is none"),
        (spoil(&set(FINGERPRINT, "value", "hunter2")), "its fingerprint is another key's"),
        (spoil(&set(CREATED, "value", "hunter2")), "one of its dates is none"),
        (spoil(&set(DELETE_AFTER, "value", "")), "it has no \"delete after\" in section \"archived\""),
        (spoil(&|fields| fields.push(fields[0].clone())), "it has \"private key\" more than once"),
    ] {
        assert_eq!(error.message(), format!("item \"ssh ann laptop\" is not as pkeys wrote it: {message}"));
        assert!(error.next_step().is_some());
    }
}

#[test]
fn only_our_own_items_are_touched() {
    let tags = ["pkeys".to_owned()];
    assert!(check("API_CREDENTIAL", &tags, "t", "i").is_ok());
    assert!(check("SSH_KEY", &tags, "t", "i").unwrap_err().message().contains("would damage"));
    for (category, tags) in [("API_CREDENTIAL", &[][..]), ("SECURE_NOTE", &tags), ("", &tags)] {
        assert!(check(category, tags, "t", "i").unwrap_err().message().contains("was not made by pkeys"));
    }
}
