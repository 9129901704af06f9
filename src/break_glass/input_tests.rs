use super::super::{lines, split};
use super::*;

fn given(text: &str) -> Result<Input> {
    parse_input(&SecretBytes::copy_of(text.as_bytes()))
}

fn key() -> BreakGlassIdentity {
    BreakGlassIdentity::generate().unwrap()
}

/// A share as its sheet prints it.
fn printed(share: &Share) -> String {
    let text = share.text();
    paper(share.kind(), text.expose_str().unwrap(), Some(share.number()))
}

fn paper(kind: &Kind, text: &str, share: Option<u8>) -> String {
    let print = |line: lines::Line| format!("{} {} {}\n", line.label, line.groups.join(" "), line.checksum);
    lines::lines(kind, text, share).into_iter().map(print).collect()
}

#[test]
fn a_post_quantum_key_is_read_from_its_text_its_lines_and_its_shares() {
    let key = BreakGlassIdentity::generate_post_quantum().unwrap();
    let text = key.text().expose_str().unwrap();
    let lines = paper(key.kind(), text, None);
    for way in [text, &text.to_lowercase(), &lines, &format!("AGE-SECRET-KEY-PQ-1\n{lines}")] {
        let Input::Identity(found) = given(way).unwrap() else { panic!() };
        assert_eq!(found.text(), key.text());
    }
    let shares = split(&key, 2, 3).unwrap();
    let whole = shares[2].text();
    assert!(whole.expose_str().unwrap().starts_with("PKEYS-SHARE-PQ-1"));
    let Input::Shares(found) = given(&(printed(&shares[0]) + whole.expose_str().unwrap())).unwrap() else { panic!() };
    assert_eq!(super::super::combine(&found).unwrap().text(), key.text());
}

#[test]
fn shares_of_a_classic_and_of_a_post_quantum_key_are_told_apart() {
    let (one, other) = (split(&key(), 2, 2).unwrap(), BreakGlassIdentity::generate_post_quantum().unwrap());
    let other = split(&other, 2, 2).unwrap();
    let Input::Shares(found) = given(&(printed(&one[0]) + &printed(&other[1]))).unwrap() else { panic!() };
    let error = super::super::combine(&found).unwrap_err();
    assert!(error.message().starts_with("share "), "{error:?}");
}

#[test]
fn an_age_identity_is_one_with_and_without_comments_and_spaces() {
    let key = key();
    let text = key.text().expose_str().unwrap();
    let spaced = text.replace("-1", "-1 ");
    for way in [text, &format!("# created\r\n# public key: age1…\r\n{text}\r\n"), &text.to_lowercase(), &spaced] {
        let Input::Identity(found) = given(way).unwrap() else { panic!() };
        assert_eq!(found.text(), key.text());
    }
}

#[test]
fn a_file_behind_a_passphrase_is_recognized_in_both_forms() {
    let armored = "-----BEGIN AGE ENCRYPTED FILE-----\nxx\n-----END AGE ENCRYPTED FILE-----\n";
    for file in [armored, "age-encryption.org/v1\n-> scrypt"] {
        let Input::Locked(found) = given(file).unwrap() else { panic!() };
        assert_eq!(found.expose(), file.as_bytes());
    }
}

#[test]
fn shares_are_read_as_lines_and_whole_and_mixed() {
    let key = key();
    let shares = split(&key, 3, 12).unwrap();
    let mut lines: Vec<_> = [&shares[1], &shares[11]].iter().map(|share| printed(share)).collect();
    lines[0] = lines[0].to_lowercase();
    let mut all: Vec<_> = lines.concat().lines().rev().map(str::to_owned).collect();
    all.push(shares[4].text().expose_str().unwrap().to_owned());
    let Input::Shares(found) = given(&all.join("\n")).unwrap() else { panic!() };
    assert_eq!(found.iter().map(Share::number).collect::<Vec<_>>(), [5, 2, 12]);
    assert_eq!(super::super::combine(&found).unwrap().text(), key.text());
}

#[test]
fn a_mistyped_share_is_named_by_number_and_line_and_not_repeated() {
    let shares = split(&key(), 2, 3).unwrap();
    let (one, two) = (printed(&shares[0]), printed(&shares[1]));
    let second = two.lines().nth(2).unwrap();
    let mut wrong = second.to_owned();
    wrong.replace_range(4..5, if &second[4..5] == "Q" { "P" } else { "Q" });
    let error = given(&format!("{one}{}", two.replace(second, &wrong))).unwrap_err();
    assert_eq!(error.message(), "share 2, line 3 does not fit its checksum");
    assert!(!format!("{error:?}").contains(&wrong[4..]));
    let error = given(&format!("{one}{}", two.replace(second, ""))).unwrap_err();
    assert_eq!(error.message(), "share 2, line 3 is missing");
    let renamed = two.replace("2.", "3.");
    assert!(given(&renamed).unwrap_err().message().starts_with("share 3, line 1 does not fit its checksum; "));
}

#[test]
fn a_damaged_whole_share_is_named_by_its_place() {
    let shares = split(&key(), 2, 2).unwrap();
    let text = shares.iter().map(|s| s.text().expose_str().unwrap().to_owned()).collect::<Vec<_>>();
    let error = given(&format!("{}\n{}", text[0], &text[1][..80])).unwrap_err();
    assert_eq!(error.message(), "the share given as number 2 of 2: it does not fit its own checksum");
}

#[test]
fn what_it_is_not_is_said_with_what_is_wanted_and_never_repeated() {
    let key = key();
    let text = key.text().expose_str().unwrap();
    let ssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n";
    let two = format!("{text}\n{text}");
    let mixed = format!("{text}\nhunter2");
    let wrong = text[..73].to_owned() + if text.ends_with('Q') { "P" } else { "Q" };
    for bad in ["", "# nothing\n", "AGE-SECRET-KEY-1", "hunter2", ssh, &two, &mixed, &wrong, "1.1 hunter2\nhunter2"] {
        let error = given(bad).unwrap_err();
        assert!(error.next_step().is_some(), "{error:?}");
        let said = format!("{error:?}");
        assert!(!said.contains("hunter2") && !said.contains("HUNTER2") && !said.contains(&text[16..30]), "{said}");
    }
    assert!(parse_input(&SecretBytes::copy_of(b"\xff\xfe")).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn a_whole_identity_is_read_in_any_case_and_with_any_blanks_and_no_slip_goes_unseen(
        scalar in proptest::prelude::any::<[u8; 32]>(),
        blanks in proptest::collection::vec((17..74_usize, "[ \t]{1,2}"), 0..5),
        (at, new) in (16..74_usize, "[A-Z0-9]"),
    ) {
        let key = BreakGlassIdentity::from_scalar(&scalar, false).unwrap();
        let text = key.text().expose_str().unwrap().to_owned();
        let mut spaced = text.to_lowercase();
        let mut places = blanks.clone();
        places.sort();
        places.iter().rev().for_each(|(at, blank)| spaced.insert_str(*at, blank));
        let Input::Identity(found) = given(&spaced).unwrap() else { panic!() };
        proptest::prop_assert!(found.text() == key.text());
        proptest::prop_assume!(text[at..=at] != new);
        let mut slip = text;
        slip.replace_range(at..=at, &new);
        proptest::prop_assert!(given(&slip).is_err());
    }
}
