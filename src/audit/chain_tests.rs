//! Whole, damaged and merged logs.

use super::*;

fn line(chain: &str, what: &str) -> String {
    let chain = Chain::read(chain.as_bytes());
    Entry {
        time: "2026-11-23T00:00:00Z".into(),
        who: "ann".into(),
        action: what.into(),
        details: BTreeMap::new(),
        torn: None,
        merges: chain.open,
        previous: chain.last,
    }
    .to_line()
}

fn log(start: &str, number: usize) -> String {
    (0..number).fold(start.to_owned(), |log, n| format!("{log}{}", line(&log, &n.to_string())))
}

fn problems(log: &str) -> Vec<Problem> {
    Chain::read(log.as_bytes()).problems
}

#[test]
fn a_changed_a_removed_and_a_moved_line_are_named() {
    let whole = log("", 5);
    assert_eq!(problems(&whole), []);
    assert_eq!(problems(""), []);
    assert_eq!(problems(whole.trim_end()), []);
    let lines: Vec<_> = whole.split_inclusive('\n').collect();
    assert_eq!(problems(&whole.replace("\"1\"", "\"x\"")), [Problem::Broken(3), Problem::Merged(vec![2])]);
    assert_eq!(problems(&whole.replace("{\"time\"", "{ \"time\"")).len(), 5);
    assert_eq!(problems(&[&lines[..1], &lines[2..]].concat().concat())[0], Problem::Broken(2));
    assert_eq!(problems(&lines[1..].concat()), [Problem::Broken(1)]);
    assert_eq!(problems(&[lines[0], "hunter2\n", lines[1]].concat()), [Problem::NoEntry(2)]);
    assert_eq!(problems(&[lines[0], lines[2], lines[1]].concat())[0], Problem::Broken(2));
    assert_eq!(problems(&whole[..whole.len() - 9]), [Problem::Torn(5)]);
}

#[test]
fn merged_branches_are_told_from_damage_and_joined_by_the_next_line() {
    let base = log("", 2);
    let (ours, theirs) = (log(&base, 2), log(&format!("{base}{}", line(&base, "other")), 1));
    let both = format!("{ours}{}", &theirs[base.len()..]);
    assert_eq!(problems(&both), [Problem::Merged(vec![4])]);
    let joined = format!("{both}{}", line(&both, "next"));
    assert_eq!(problems(&joined), []);
    assert_eq!(problems(&log(&joined, 2)), []);
    // A branch's lines are protected like others.
    assert_eq!(problems(&joined.replace("other", "0ther"))[0], Problem::Broken(6));
    // Two branches that both began the log.
    let two = format!("{}{}", log("", 1), line("", "other"));
    assert_eq!(problems(&two), [Problem::Merged(vec![1])]);
    assert_eq!(problems(&log(&two, 1)), []);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]
    #[test]
    fn any_actions_make_an_unbroken_chain_and_no_changed_byte_goes_unseen(
        runs in proptest::collection::vec(proptest::collection::vec(("[a-z]{1,6}", "\\PC{0,12}"), 1..4), 2..5),
        (at, bit) in (proptest::prelude::any::<proptest::sample::Index>(), 0..8_u32),
    ) {
        let mut log = String::new();
        for run in &runs {
            let actions: Vec<_> = run.iter().map(|(name, value)| Action::new("key add").text(name, value)).collect();
            log += &Chain::read(log.as_bytes()).next(&actions, "2026-11-23T00:00:00Z", "ann");
        }
        assert_eq!(problems(&log), []);
        assert_eq!(Chain::read(log.as_bytes()).entries.len(), runs.iter().map(Vec::len).sum::<usize>());
        // The last line is continued by nothing yet that could tell.
        let protected = log.trim_end().rfind('\n').unwrap();
        let mut changed = log.into_bytes();
        changed[at.index(protected)] ^= 1 << bit;
        assert_ne!(Chain::read(&changed).problems, []);
    }
}
