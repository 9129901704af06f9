//! Tests of `resolve`.

use super::*;
use crate::source::Reference;
use serde_json::json;

fn overviews(list: serde_json::Value) -> Vec<Overview> {
    serde_json::from_value(list).unwrap()
}

fn item_of(fields: serde_json::Value, sections: serde_json::Value, files: serde_json::Value) -> Item {
    let whole = json!({"id": "i", "title": "it", "version": 1, "fields": fields, "sections": sections, "files": files});
    serde_json::from_value(whole).unwrap()
}

/// The id of what a reference finds, or the error's message.
fn find(item: &Item, path: &str) -> String {
    let Reference::Op(reference) = Reference::parse(&format!("op://v/it/{path}")).unwrap() else { panic!() };
    match field(item, &reference) {
        Ok(found) => found.id().to_owned(),
        Err(error) => error.message().to_owned(),
    }
}

#[test]
fn an_id_wins_over_a_title_and_a_title_over_one_in_other_letters() {
    let list = overviews(json!([
        {"id": "a", "title": "b"}, {"id": "b", "title": "x"}, {"id": "c", "title": "Web"}, {"id": "d", "title": "web"}
    ]));
    assert_eq!(item(&list, "b", "v").unwrap().id, "b");
    assert_eq!(item(&list, "Web", "v").unwrap().id, "c");
    assert_eq!(item(&list, "X", "v").unwrap().id, "b");
    let several = item(&list, "WEB", "v").unwrap_err();
    assert_eq!(several.message(), r#"more than one item "WEB" in vault "v": "Web" with id c, "web" with id d"#);
}

#[test]
fn archived_items_are_refused_and_active_ones_of_the_same_title_win() {
    let list = overviews(json!([
        {"id": "a", "title": "db", "state": "ARCHIVED"}, {"id": "b", "title": "db"},
        {"id": "c", "title": "old", "state": "DELETED"}, {"id": "d", "title": "now", "state": "ACTIVE"}
    ]));
    assert_eq!(item(&list, "db", "v").unwrap().id, "b");
    assert_eq!(item(&list, "now", "v").unwrap().id, "d");
    assert_eq!(item(&list, "old", "v").unwrap_err().message(), "item \"old\" is deleted");
    assert_eq!(item(&list, "a", "v").unwrap_err().message(), "item \"db\" is archived");
}

#[test]
fn a_missing_name_is_met_with_the_near_ones() {
    let list = overviews(json!([{"id": "a", "title": "tailscale"}]));
    let near = item(&list, "tailscal", "v").unwrap_err();
    assert_eq!(near.message(), "there is no item \"tailscal\" in vault \"v\"");
    assert_eq!(near.next_step(), Some("did you mean \"tailscale\"?"));
    assert_eq!(item(&list, "zzz", "v").unwrap_err().next_step(), Some("there are \"tailscale\""));
    let none = vault(&[], "home").unwrap_err();
    assert_eq!(none.message(), "the token sees no vault \"home\"");
    assert!(none.next_step().unwrap().contains("pkeys login"));
}

#[test]
fn a_field_outside_sections_wins_and_a_section_without_label_is_none() {
    let item = item_of(
        json!([
            {"id": "1", "label": "key", "section": {"id": "s"}},
            {"id": "2", "label": "key", "section": {"id": "add more"}},
            {"id": "3", "label": "only", "section": {"id": "s"}},
            {"id": "4", "label": "twice", "section": {"id": "s"}},
            {"id": "5", "label": "twice", "section": {"id": "t"}}
        ]),
        json!([{"id": "s", "label": "Server"}, {"id": "t", "label": "Test"}, {"id": "add more"}]),
        json!(null),
    );
    assert_eq!(find(&item, "key"), "2");
    assert_eq!(find(&item, "Server/key"), "1");
    assert_eq!(find(&item, "server/key"), "1");
    assert_eq!(find(&item, "s/key"), "1");
    assert_eq!(find(&item, "add more/key"), "2");
    assert_eq!(find(&item, "only"), "3");
    assert_eq!(find(&item, "Test/twice"), "5");
    assert_eq!(
        find(&item, "twice"),
        r#"more than one field "twice" in item "it": "Server/twice" with id 4, "Test/twice" with id 5"#
    );
    assert_eq!(find(&item, "Test/key"), r#"there is no field "key" in section "Test" of item "it""#);
    assert_eq!(find(&item, "Tests/key"), r#"there is no section "Tests" in item "it""#);
}

#[test]
fn files_are_found_like_fields_and_a_clash_is_said() {
    let item = item_of(
        json!([{"id": "1", "label": "note"}]),
        json!([{"id": "s", "label": "S"}]),
        json!([{"id": "f1", "name": "ca.pem"}, {"id": "f2", "name": "Note", "section": {"id": "s"}}, {"id": "f3", "name": "note"}]),
    );
    assert_eq!(find(&item, "ca.pem"), "f1");
    assert_eq!(find(&item, "CA.PEM"), "f1");
    assert_eq!(find(&item, "f2"), "f2");
    assert_eq!(find(&item, "S/note"), "f2");
    assert!(find(&item, "note").starts_with("more than one field"));
}
