use super::super::lines::{KEY, lines};
use super::super::{BreakGlassIdentity, Input, parse_input};
use super::*;
use proptest::prelude::*;

/// The lines of a key that is always the same, as the sheet prints them.
fn sheet() -> (String, Vec<String>) {
    let key = BreakGlassIdentity::from_scalar(&[7; 32], false).unwrap();
    let text = key.text().expose_str().unwrap().to_owned();
    let print = |line: super::super::lines::Line| format!("{} {} {}", line.label, line.groups.join(" "), line.checksum);
    let printed = lines(&KEY, &text, None).into_iter().map(print).collect();
    (text, printed)
}

fn typed(text: &str) -> Result<SecretBytes> {
    let lines: Vec<_> = text.lines().map(TypedLine::read).collect();
    join(&KEY, None, &lines.iter().collect::<Vec<_>>())
}

#[test]
fn lines_are_read_in_any_order_case_and_spacing() {
    let (text, lines) = sheet();
    let ways = [
        lines.join("\n"),
        [&*lines[2], &*lines[0], &*lines[1]].join("\n"),
        lines.join("\n").to_lowercase(),
        lines.iter().map(|line| line[2..].replace(' ', "")).collect::<Vec<_>>().join("\n"),
        lines.join("\n").replace(' ', "-"),
        lines
            .iter()
            .map(|line| format!("{}) {}", &line[..1], line[2..].replace(' ', "")))
            .collect::<Vec<_>>()
            .join("\n"),
    ];
    for way in ways {
        assert_eq!(typed(&way).unwrap().expose_str(), Some(&*text));
    }
}

#[test]
fn missing_doubled_strange_and_short_lines_are_named_and_nothing_is_repeated() {
    let (_, lines) = sheet();
    let [one, two, three] = &lines[..] else { panic!() };
    let unnumbered = &two[2..];
    let short = &three[..three.len() - 1];
    let foreign = three.replacen("3 ", "9 ", 1);
    let b = two.replacen("2 ", "2 B", 1);
    let b = &b[..b.len()].replacen(&two[2..3], "", 1);
    for (text, says) in [
        (format!("{one}\n{three}"), "line 2 is missing"),
        (format!("{one}\n{two}\n{two}\n{three}"), "line 2 was typed twice"),
        (format!("{one}\n{two}\n{foreign}"), "there is no line 9; line 3 is missing"),
        (format!("{one}\n{unnumbered}\n{three}"), "some lines have a number and some have none"),
        (format!("{one}\n{two}\n{short}"), "line 3 is too short by 1"),
        (format!("{one}Q\n{two}\n{three}"), "line 1 is too long by 1"),
        (format!("{one}\n{b}\n{three}"), "line 2 holds a character that never stands there"),
        (
            format!("{}\n{}\n{three}", one.replacen('1', "2", 1), two.replacen('2', "1", 1)),
            "line 2 does not fit its checksum; line 1 does not fit its checksum",
        ),
        (String::new(), "line 1 is missing; line 2 is missing; line 3 is missing"),
    ] {
        let error = typed(&text).unwrap_err();
        assert_eq!(error.message(), says);
        assert!(error.next_step().is_some());
    }
}

#[test]
fn a_numbered_key_is_recognized_by_the_front_door_too() {
    let (text, lines) = sheet();
    let input = parse_input(&SecretBytes::from(format!("age-secret-key-1\n\n{}\n", lines.join("\n")))).unwrap();
    let Input::Identity(key) = input else { panic!("{input:?}") };
    assert_eq!(key.text().expose_str(), Some(&*text));
}

/// Where character `index` of a line's groups stands in the printed line `2 QQQQQ …`.
fn place(index: usize) -> usize {
    2 + index + index / 5
}

proptest! {
    #[test]
    fn any_key_is_read_back(scalar in any::<[u8; 32]>()) {
        let key = BreakGlassIdentity::from_scalar(&scalar, false).unwrap();
        let text = key.text().expose_str().unwrap();
        let typed: Vec<_> = lines(&KEY, text, None).iter()
            .map(|line| TypedLine::read(&format!("{}{}", line.groups.concat(), line.checksum))).collect();
        prop_assert_eq!(&join(&KEY, None, &typed.iter().collect::<Vec<_>>()).unwrap(), key.text());
    }

    #[test]
    fn any_one_wrong_character_is_found_and_its_line_named(line in 0..3_usize, at in 2..26_usize, new in "[A-Z0-9]") {
        let (_, mut lines) = sheet();
        prop_assume!(at < lines[line].len());
        let old = lines[line][at..=at].to_owned();
        prop_assume!(old != " " && old != new);
        lines[line].replace_range(at..=at, &new);
        let error = typed(&lines.join("\n")).unwrap_err();
        prop_assert!(error.message().starts_with(&format!("line {} ", line + 1)), "{}", error.message());
        prop_assert!(!error.message().contains(';'), "{}", error.message());
    }

    #[test]
    fn any_two_exchanged_characters_are_found(line in 0..3_usize, one in 0..20_usize, other in 0..20_usize) {
        let (_, mut lines) = sheet();
        let length = KEY.characters_of(line + 1);
        prop_assume!(one < other && other < length);
        let mut all = lines[line].clone().into_bytes();
        prop_assume!(all[place(one)] != all[place(other)]);
        all.swap(place(one), place(other));
        lines[line] = String::from_utf8(all).unwrap();
        let error = typed(&lines.join("\n")).unwrap_err();
        prop_assert_eq!(error.message(), format!("line {} does not fit its checksum", line + 1));
    }

    #[test]
    fn nothing_typed_makes_it_panic_or_is_repeated(text in "[ -~\n]{0,200}", marked in "[a-z]{9}") {
        let input = SecretBytes::from(format!("{text}\n{marked}"));
        if let Err(error) = parse_input(&input) {
            let said = format!("{error:?}");
            prop_assert!(!said.contains(&marked));
        }
    }
}
