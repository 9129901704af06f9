//! Fuzzing of the log, as a merge, an editor or a killed run may have left it.

use super::{Action, Chain, Problem};
use pkeys_bundle::fuzzing::needle::each;

/// Whatever the log is, the next line continues it: nothing is broken by it, and torn and merged ends are mended.
pub fn audit(bytes: &[u8]) {
    each(bytes, |bytes| {
        let before = Chain::read(bytes);
        for problem in &before.problems {
            assert!(!problem.message().is_empty() && !problem.hint().is_empty());
        }
        if before.conflict {
            return;
        }
        let (damage, entries) = (damage(&before), before.entries.len());
        let whole = before.whole;
        let lines = before.next(&[Action::new("key add").text("user", "ann")], "2026-11-23T00:00:00Z", "ann");
        let after = Chain::read(&[&bytes[..whole], lines.as_bytes()].concat());
        assert_eq!(after.entries.len(), entries + 1);
        assert_eq!(after.problems, damage, "the next line breaks or mends something else");
    });
}

/// What no line that follows can mend.
fn damage(chain: &Chain) -> Vec<Problem> {
    let lasting = |problem: &&Problem| matches!(problem, Problem::NoEntry(_) | Problem::Broken(_));
    chain.problems.iter().filter(lasting).cloned().collect()
}
