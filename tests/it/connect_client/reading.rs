//! What is read, and what it costs.

use super::fake::{Fake, Reply, id, item, quick, read, versions};
use pkeys::base::{SecretBytes, files};
use pkeys::source::connect::Connect;
use serde_json::json;
use std::process::Command;

/// A hundred references over twenty items in two vaults, by name or by id.
fn hundred(ids: bool) -> Vec<String> {
    let name = |what: &str, number| if ids { id(&what[..1], number) } else { format!("{what}{number}") };
    let one = |n: usize| format!("op://{}/{}/field{}", name("vault", n / 50), name("item", n / 5), n % 5);
    (0..100).map(one).collect()
}

fn assert_values(connect: &Connect, references: &[String]) {
    let values = read(connect, &references.iter().map(String::as_str).collect::<Vec<_>>());
    for (number, value) in values.iter().enumerate() {
        assert_eq!(*value, Ok(format!("value{}", number % 5)));
    }
}

#[test]
fn a_hundred_references_by_name_cost_23_requests_and_a_second_reading_none() {
    let server = Fake::large();
    let connect = server.client();
    assert_values(&connect, &hundred(false));
    let requests = server.requests();
    assert_eq!(requests.len(), 23);
    assert_eq!(requests.iter().filter(|path| *path == "/v1/vaults").count(), 1);
    assert_eq!(requests.iter().filter(|path| path.ends_with("/items")).count(), 2);
    assert!(server.peak() <= 16);

    assert_values(&connect, &hundred(false));
    assert_values(&connect, &hundred(true));
    assert_eq!(server.requests(), [] as [String; 0]);

    connect.forget();
    assert_values(&connect, &hundred(false));
    assert_eq!(server.requests().len(), 23);
}

#[test]
fn a_hundred_references_by_id_cost_20_requests_one_deep() {
    let server = Fake::large();
    assert_values(&server.client(), &hundred(true));
    let requests = server.requests();
    assert_eq!(requests.len(), 20);
    assert!(requests.iter().all(|path| path.contains("/items/")));
}

#[test]
fn versions_cost_one_request_and_one_for_each_vault_and_read_no_item() {
    let server = Fake::large();
    let connect = server.client();
    let references = hundred(true);
    let found = versions(&connect, &references.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(found[0], Ok(format!("{}@7", id("i", 0))));
    assert!(found.iter().all(Result::is_ok));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(!requests.iter().any(|path| path.contains("/items/")));

    assert_values(&connect, &hundred(false));
    assert_eq!(server.requests().len(), 20);
}

#[test]
fn names_that_look_like_ids_are_found_by_the_lists() {
    let fields = json!({"fields": [{"id": "a", "label": "a", "value": "b"}]});
    let title = "abcdefghijklmnopqrstuvwxyz";
    let server = Fake::new(vec![vec![item(0, &id("i", 0), title, fields)]], &[]);
    let reference = format!("op://{}/{title}/a", id("v", 0));
    assert_eq!(read(&server.client(), &[&reference]), [Ok("b".into())]);
    assert_eq!(server.requests().len(), 4);
    let other = format!("op://{}/{}/a", id("v", 0), "z".repeat(26));
    assert_eq!(
        read(&server.client(), &[&other]),
        [Err(format!("there is no item \"{}\" in vault \"{}\"", "z".repeat(26), id("v", 0)))]
    );
}

#[test]
fn every_kind_of_value_is_read_and_one_failure_leaves_the_others_alone() {
    let key = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output().expect("openssl").stdout;
    let web = json!({
        "sections": [{"id": "s", "label": "Server"}],
        "fields": [
            {"id": "username", "label": "user", "value": "me"},
            {"id": "1", "label": "user", "section": {"id": "s"}, "value": " root\n"},
            {"id": "2", "label": "code", "type": "OTP", "value": "otpauth://x", "totp": "123456"},
            {"id": "3", "label": "empty", "type": "CONCEALED"},
            {"id": "private_key", "label": "private key", "type": "SSHKEY", "value": String::from_utf8(key).unwrap()}
        ],
        "files": [{"id": "fileaaaa", "name": "ca.pem", "size": 4, "content_path": "/wrong"}, {"id": "fileb", "name": "none", "size": 0}]
    });
    let old = item(0, &id("i", 9), "old", json!({"state": "ARCHIVED"}));
    let twins = [1, 2].map(|n| item(0, &id("t", n), "twin", json!({})));
    let items = [vec![item(0, &id("i", 0), "web", web), old], twins.to_vec()].concat();
    let server = Fake::new(vec![items], &[("fileaaaa", b"\n\nCA"), ("fileb", b"")]);
    let answers = read(
        &server.client(),
        &[
            "op://vault0/web/user",
            "op://VAULT0/Web/server/USER",
            "op://vault0/web/code?attribute=otp",
            "op://vault0/web/ca.pem",
            "op://vault0/web/fileaaaa",
            "op://vault0/web/user?attribute=totp",
            "op://vault0/web/empty",
            "op://vault0/web/none",
            "op://vault0/web/nothing",
            "op://vault0/old/x",
            "op://vault0/twin/x",
            "op://vaults/web/user",
            "age:local",
            "op://vault0/web/user?ssh-format=openssh",
            "op://vault0/web/private key?ssh-format=openssh",
        ],
    );
    let good = |text: &str| Ok(text.to_owned());
    let bad = |text: &str| Err(text.to_owned());
    let twins = format!(
        "more than one item \"twin\" in vault \"vault0\": \"twin\" with id {}, \"twin\" with id {}",
        id("t", 1),
        id("t", 2)
    );
    assert_eq!(
        answers[..14],
        [
            good("me"),
            good(" root\n"),
            good("123456"),
            good("\n\nCA"),
            good("\n\nCA"),
            bad("field \"user\" is not a one-time password"),
            bad("\"empty\" is empty"),
            bad("\"none\" is empty"),
            bad("there is no field \"nothing\" in item \"web\""),
            bad("item \"old\" is archived"),
            bad(&twins),
            bad("the token sees no vault \"vaults\""),
            bad("that reference is not one to 1Password"),
            bad("the field's value is not a private key that could be read"),
        ]
    );
    assert_eq!(server.requests().len(), 5, "vaults, items, one item, two files");

    let top = tempfile::tempdir().unwrap();
    files::write(&top.path().join("key"), answers[14].as_ref().unwrap().as_bytes(), files::PRIVATE).unwrap();
    let seen =
        Command::new("ssh-keygen").args(["-y", "-f", "key"]).current_dir(top.path()).output().expect("ssh-keygen");
    assert!(seen.stdout.starts_with(b"ssh-ed25519 AAAA"), "{}", String::from_utf8_lossy(&seen.stderr));
}

#[test]
fn archived_items_are_refused_by_id_too() {
    let old = item(0, &id("i", 9), "old", json!({"state": "ARCHIVED", "fields": [{"id": "a", "value": "b"}]}));
    let server = Fake::new(vec![vec![old]], &[]);
    let reference = format!("op://{}/{}/a", id("v", 0), id("i", 9));
    assert_eq!(read(&server.client(), &[&reference]), [Err("item \"old\" is archived".into())]);
}

#[test]
fn the_check_lists_the_vaults_or_says_what_is_wrong() {
    let server = Fake::large();
    assert_eq!(server.client().check().unwrap(), ["vault0", "vault1"]);
    assert!(server.client().warnings().is_empty());

    let mut wrong = quick(&server.url());
    wrong.token = SecretBytes::copy_of(b"another");
    server.requests();
    let error = Connect::new(wrong).unwrap().check().unwrap_err();
    assert_eq!(
        error.message(),
        format!("1Password Connect at {} refused the token: Invalid token signature", server.url())
    );
    assert!(error.next_step().unwrap().contains("pkeys login"));
    assert_eq!(server.requests().len(), 1, "a refused token is never tried again");

    server.tell(1, "/v1/vaults", &Reply::Is(200, "", b"<html>hunter2</html>".to_vec()));
    let error = server.client().check().unwrap_err();
    assert_eq!(error.message(), format!("{} did not answer as 1Password Connect does: it is not JSON", server.url()));

    server.tell(1, "/v1/vaults", &Reply::Is(200, "", b"null".to_vec()));
    assert_eq!(server.client().check().unwrap(), [] as [String; 0]);

    for token in ["", " \n", "a\nb", "a b"] {
        let mut odd = quick(&server.url());
        odd.token = SecretBytes::copy_of(token.as_bytes());
        assert!(Connect::new(odd).is_err(), "{token:?}");
    }
}
