//! Names in `let` that nothing uses any more once the keys are gone.

use crate::nixfiles::{Edits, NixFile, binding_path, lines_around, range};
use rnix::SyntaxNode;
use rnix::ast::{self, Attr, HasEntry};
use rowan::ast::AstNode;

/// The new text of a file without the names in `let` that the old text used and the new one does not, and without a
/// `let` that is then empty. Comments stay.
pub(super) fn without_unused(old: &NixFile, new: String) -> String {
    let mut text = new;
    loop {
        let Ok(file) = NixFile::parse(old.path.clone(), text.clone()) else { return text };
        let mut edits = Edits::default();
        for let_in in file.syntax().descendants().filter_map(ast::LetIn::cast) {
            if let_in.entries().next().is_none() {
                remove_empty(&let_in, &mut edits);
            }
            for binding in let_in.attrpath_values() {
                let path = binding_path(&binding);
                let [Attr::Ident(name)] = path.as_slice() else { continue };
                let name = name.syntax().text().to_string();
                if !is_used(let_in.syntax(), &name) && is_used(old.syntax(), &name) {
                    edits.replace(lines_around(&text, range(binding.syntax())), "");
                }
            }
        }
        if edits.is_empty() {
            return text;
        }
        text = edits.apply(&text);
    }
}

fn remove_empty(let_in: &ast::LetIn, edits: &mut Edits) {
    let mut tokens = let_in.syntax().children_with_tokens().filter_map(rnix::NodeOrToken::into_token);
    let has_comment = tokens.any(|token| token.kind() == rnix::SyntaxKind::TOKEN_COMMENT);
    if let (Some(start), Some(body), false) = (let_in.let_token(), let_in.body(), has_comment) {
        edits.replace(start.text_range().start().into()..range(body.syntax()).start, "");
    }
}

/// Whether a name is used: not where it is defined, nor as a part of another's path.
fn is_used(inside: &SyntaxNode, name: &str) -> bool {
    inside.descendants().any(|node| {
        let of_path = node.parent().is_some_and(|above| ast::Attrpath::can_cast(above.kind()));
        ast::Ident::can_cast(node.kind()) && !of_path && node.text() == name
    })
}
