//! What fuzzing rewritten Nix files takes: trees of made-up files, and a comparison of texts.

use super::syntax::binding_path;
use super::{Changed, Left, NixFile, Tree};
use pkeys_bundle::fuzzing::needle::one_line;
use rnix::SyntaxKind::{TOKEN_COMMENT, TOKEN_WHITESPACE};
use rnix::ast::AttrpathValue;
use rowan::ast::AstNode;
use std::path::PathBuf;

/// The first is the file of a host called `web`.
const NAMES: [&str; 3] = ["web.nix", "keys.nix", "db.nix"];

/// Files that exist in memory alone: texts separated by NUL.
pub(crate) fn tree_of(text: &str) -> (Tree, Vec<Left>) {
    Tree::of(NAMES.iter().zip(text.split('\0')).map(|(name, text)| (PathBuf::from(name), text.to_owned())))
}

/// What is left is said on a line each, whatever the names in the files are.
pub(crate) fn can_be_shown(all: &[Left]) {
    all.iter().flat_map(|left| [&left.why, &left.next]).for_each(|text| one_line(text));
}

/// The files after a change. What was written must parse.
pub(crate) fn replaced(text: &str, changed: &[Changed]) -> String {
    let files = NAMES.iter().zip(text.split('\0')).map(|(name, old)| {
        let Some(change) = changed.iter().find(|change| change.path.to_str() == Some(*name)) else { return old };
        assert_eq!(change.old, old);
        assert_ne!(change.new, old, "a change that changes nothing");
        assert!(NixFile::parse(change.path.clone(), change.new.clone()).is_ok(), "it does not parse: {}", change.new);
        change.new.as_str()
    });
    files.collect::<Vec<_>>().join("\0")
}

/// The same; and without bindings of the names in `added`, what was written is what was there, with parts left out. Blanks
/// and comments may have moved.
pub(crate) fn each_is_a_part_of(text: &str, changed: &[Changed], added: &[&str]) -> String {
    let new = replaced(text, changed);
    for change in changed {
        let (old, new) = (tokens(&change.old, &[]), tokens(&change.new, added));
        let mut rest = old.iter();
        assert!(new.iter().all(|token| rest.any(|other| other == token)), "more changed: {}", change.new);
    }
    new
}

fn tokens(text: &str, without: &[&str]) -> Vec<String> {
    let file = NixFile::parse(PathBuf::new(), text.to_owned()).expect("it parses");
    let mut all = Vec::new();
    let mut walk = file.syntax().preorder_with_tokens();
    while let Some(event) = walk.next() {
        let rowan::WalkEvent::Enter(element) = event else { continue };
        match element {
            rnix::NodeOrToken::Node(node) => {
                let last = AttrpathValue::cast(node).and_then(|binding| binding_path(&binding).pop());
                if last.is_some_and(|attr| without.contains(&attr.syntax().text().to_string().as_str())) {
                    walk.skip_subtree();
                }
            }
            rnix::NodeOrToken::Token(token) if [TOKEN_WHITESPACE, TOKEN_COMMENT].contains(&token.kind()) => {}
            rnix::NodeOrToken::Token(token) => all.push(token.text().to_owned()),
        }
    }
    all
}
