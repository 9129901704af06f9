//! Small questions to syntax trees.

use rnix::ast::{self, AstToken, Attr, Expr, InterpolPart};
use rnix::{SyntaxElement, SyntaxKind, SyntaxNode};
use rowan::ast::AstNode;
use std::ops::Range;

/// Where a node stands in its file's text.
pub fn range(node: &SyntaxNode) -> Range<usize> {
    node.text_range().into()
}

/// An attribute's name, where it stands there: `a`, `"a"`, but not `${a}`.
pub(super) fn name_of(attr: &Attr) -> Option<String> {
    match attr {
        Attr::Ident(ident) => Some(ident.syntax().text().to_string()),
        Attr::Str(text) => plain(text),
        Attr::Dynamic(dynamic) => match dynamic.expr()? {
            Expr::Str(text) => plain(&text),
            _ => None,
        },
    }
}

/// A string's value, when nothing is put into it.
pub(super) fn plain(text: &ast::Str) -> Option<String> {
    let mut all = String::new();
    for part in text.normalized_parts() {
        match part {
            InterpolPart::Literal(literal) => all += &literal,
            InterpolPart::Interpolation(_) => return None,
        }
    }
    Some(all)
}

/// The attributes of a binding's path: `a`, `b`, `c` of `a.b.c = 1;`.
pub fn binding_path(binding: &ast::AttrpathValue) -> Vec<Attr> {
    binding.attrpath().map(|path| path.attrs().collect()).unwrap_or_default()
}

/// What is in brackets, or the expression itself.
pub fn inside(expr: Expr) -> Expr {
    match expr {
        Expr::Paren(paren) => paren.expr().map_or(Expr::Paren(paren), inside),
        other => other,
    }
}

/// A function by its last name, and what it is given: `mkIf` and two expressions for `lib.mkIf a b`.
pub fn applied(expr: &Expr) -> Option<(String, Vec<Expr>)> {
    let (mut at, mut arguments) = (expr.clone(), Vec::new());
    while let Expr::Apply(apply) = &at {
        arguments.insert(0, apply.argument()?);
        at = inside(apply.lambda()?);
    }
    let name = match &at {
        Expr::Ident(ident) => ident.syntax().text().to_string(),
        Expr::Select(select) => name_of(&select.attrpath()?.attrs().last()?)?,
        _ => return None,
    };
    (!arguments.is_empty()).then_some((name, arguments))
}

/// A literal path's text; `None` when something is put into it, or it is not relative.
pub(super) fn relative_path(expr: &Expr) -> Option<String> {
    let Expr::PathRel(path) = expr else { return None };
    match path.parts().as_slice() {
        [InterpolPart::Literal(content)] => Some(content.syntax().text().to_owned()),
        _ => None,
    }
}

/// The text of a comment that belongs to a list's element: on the line above it, or behind it on the same line.
pub fn comment_text(element: &SyntaxNode) -> Option<(String, Range<usize>)> {
    behind(element).or_else(|| above(element))
}

fn above(element: &SyntaxNode) -> Option<(String, Range<usize>)> {
    let blank = element.prev_sibling_or_token()?;
    let comment = blank.as_token().filter(|token| newlines(token.text()) == 1)?.prev_sibling_or_token()?;
    // One that stands behind another element is that one's.
    let alone = comment.as_token()?.prev_sibling_or_token().is_none_or(|before| newlines(&text_of(&before)) > 0);
    comment_of(&comment).filter(|_| alone)
}

fn behind(element: &SyntaxNode) -> Option<(String, Range<usize>)> {
    let next = element.next_sibling_or_token()?;
    let next = match next.as_token() {
        Some(token) if token.kind() == SyntaxKind::TOKEN_WHITESPACE && newlines(token.text()) == 0 => {
            token.next_sibling_or_token()?
        }
        _ => next,
    };
    comment_of(&next)
}

fn comment_of(element: &SyntaxElement) -> Option<(String, Range<usize>)> {
    let comment = ast::Comment::cast(element.as_token()?.clone())?;
    let text = comment.text().trim_start_matches('#').trim();
    (!text.contains('\n')).then(|| (text.to_owned(), comment.syntax().text_range().into()))
}

fn text_of(element: &SyntaxElement) -> String {
    element.as_token().map(|token| token.text().to_owned()).unwrap_or_default()
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}
