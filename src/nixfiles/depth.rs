//! How deep a Nix text is nested: rnix and rowan, and who walks their trees, call themselves for each level.

use rnix::SyntaxKind as S;

/// The place, in bytes, at which a text is nested too deeply: more than `brackets` in each other, or more than `levels` in
/// all. Beside the brackets, whatever stands since the last `;` or `,` counts as a level: `!!a`, `a: b: c`, `a ++ b ++ c`.
pub fn too_deep(text: &str, brackets: usize, levels: usize) -> Option<usize> {
    let (mut open, mut chains, mut at) = (vec![(false, 0_usize)], 0_usize, 0);
    for (token, written) in rnix::tokenize(text) {
        match token {
            S::TOKEN_WHITESPACE | S::TOKEN_COMMENT | S::TOKEN_DOT | S::TOKEN_STRING_CONTENT | S::TOKEN_STRING_END => {}
            S::TOKEN_L_PAREN | S::TOKEN_L_BRACK | S::TOKEN_L_BRACE | S::TOKEN_INTERPOL_START => {
                open.push((token == S::TOKEN_L_BRACK, 0));
            }
            S::TOKEN_SEMICOLON | S::TOKEN_COMMA => {
                chains -= open.last_mut().map_or(0, |(_, chain)| std::mem::take(chain));
            }
            _ => {
                let closes =
                    [S::TOKEN_R_PAREN, S::TOKEN_R_BRACK, S::TOKEN_R_BRACE, S::TOKEN_INTERPOL_END].contains(&token);
                if closes && open.len() > 1 {
                    chains -= open.pop().map_or(0, |(_, chain)| chain);
                }
                // A list's elements stand beside each other.
                if let Some((false, chain)) = open.last_mut() {
                    *chain += 1;
                    chains += 1;
                }
            }
        }
        if open.len() > brackets || open.len() + chains > levels {
            return Some(at);
        }
        at += written.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixfiles::NixFile;
    use crate::nixfiles::tree::{MAX_BRACKETS, MAX_LEVELS};

    #[test]
    fn what_is_nested_counts_and_what_stands_beside_it_does_not() {
        for (deep, flat) in [
            ("(".repeat(20) + &")".repeat(20), "(a) ".repeat(9)),
            ("!".repeat(30) + "a", "a = !b; ".repeat(30)),
            ("a: ".repeat(15) + "a", "{ a, ".repeat(9)),
            ("a ++ ".repeat(15) + "a", format!("[{}]", "a b ".repeat(30))),
            ("if a then b else ".repeat(6) + "c", "\"a ${b} c\"; ".repeat(30)),
        ] {
            assert!(too_deep(&deep, 10, 20).is_some(), "{deep}");
            assert_eq!(too_deep(&flat, 10, 20), None, "{flat}");
        }
        assert_eq!(too_deep("a;\n((((", 3, 9), Some(5));
    }

    #[test]
    fn what_is_nested_as_deep_as_it_may_be_is_read() {
        let reads = |text: String| {
            let file = NixFile::parse("a.nix".into(), text);
            file.map(|file| file.syntax().descendants().count()).is_ok_and(|nodes| nodes > 0)
        };
        for (one, tokens, rest) in
            [("!", 1, "a"), ("a ++ ", 2, "a"), ("if a then b else ", 5, "c"), ("f ", 1, "a"), ("-", 1, "1")]
        {
            assert!(reads(one.repeat(MAX_LEVELS / tokens - 2) + rest), "{one}");
            assert!(!reads(one.repeat(MAX_LEVELS / tokens + 2) + rest), "{one}");
        }
        let brackets = |deep: usize| "(".repeat(deep) + "a" + &")".repeat(deep);
        assert!(reads(brackets(MAX_BRACKETS - 1)) && !reads(brackets(MAX_BRACKETS)));
    }
}
