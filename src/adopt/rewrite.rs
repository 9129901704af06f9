//! Nix files without the keys that move: `keys = [ … ];` becomes `pkeys = true;`, and every other byte stays.

use super::definition::{Condition, Definition, Item, Kind, Piece};
use super::label::is_label;
use super::unused::without_unused;
use crate::base::UserName;
use crate::nixfiles::{
    Changed, Edits, Left, NixFile, binding_path, comment_text, indent, line_end, lines_around, place_of, range,
};
use rnix::SyntaxNode;
use rnix::ast::{self, AstToken, Expr};
use rowan::ast::AstNode;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// In one set literal, for one user, `pkeys` can be set once.
type Group = (usize, UserName);

/// The files that change.
pub(super) fn rewrite(definitions: &[Definition<'_>]) -> Vec<Changed> {
    let mut files: BTreeMap<_, Vec<&Definition<'_>>> = BTreeMap::new();
    for definition in definitions.iter().filter(|definition| definition.taken().any(|piece| !piece.items.is_empty())) {
        files.entry(&definition.file.path).or_default().push(definition);
    }
    let changed = files.into_iter().map(|(path, definitions)| {
        let file = definitions[0].file;
        let mut edits = Edits::default();
        let mut done = set_already(file);
        for definition in &definitions {
            let group = (definition.anchor.start, definition.user.clone());
            let of_group = definitions.iter().filter(|other| (other.anchor.start, &other.user) == (group.0, &group.1));
            let value = value(of_group.flat_map(|other| other.taken()).flat_map(|piece| &piece.items));
            let first = done.insert(group);
            if definition.is_whole() {
                whole(definition, first.then_some(value), &mut edits);
            } else {
                partly(definition, first.then_some(value), &mut edits);
            }
        }
        let new = without_unused(file, edits.apply(&file.text));
        Changed { path: path.clone(), old: file.text.clone(), new }
    });
    changed.collect()
}

/// What is left alone of a definition, and why.
pub(super) fn left_of(definition: &Definition<'_>) -> Vec<Left> {
    let of_user = |left: &Left| Left { why: format!("keys of {} stay: {}", definition.user, left.why), ..left.clone() };
    if let Some(left) = &definition.left {
        return vec![of_user(left)];
    }
    let stay = definition.pieces.iter().filter(|piece| piece.stays).flat_map(|piece| &piece.items);
    stay.filter_map(|item| match &item.kind {
        Kind::Unseen(left) => Some(of_user(left)),
        _ => None,
    })
    .collect()
}

/// Where an earlier run has set `pkeys`.
fn set_already(file: &NixFile) -> BTreeSet<Group> {
    let mut all = BTreeSet::new();
    for binding in file.syntax().descendants().filter_map(ast::AttrpathValue::cast) {
        let last = binding_path(&binding).pop().map(|attr| attr.syntax().text().to_string());
        if last.as_deref() == Some("pkeys") {
            let place = place_of(binding.syntax());
            let user = place.path.len().checked_sub(4).and_then(|at| place.path[at].name());
            all.extend(user.and_then(|user| UserName::new(user).ok()).map(|user| (place.anchor.start, user)));
        }
    }
    all
}

/// `true`, or the condition under which any of the keys counts.
fn value<'i, 't: 'i>(items: impl Iterator<Item = &'i Item<'t>>) -> String {
    let mut all: Vec<Vec<String>> = Vec::new();
    for item in items {
        let own: Vec<_> = item.conditions.iter().filter(|c| !c.outer).map(Condition::text).collect();
        if own.is_empty() {
            return "true".into();
        }
        if !all.contains(&own) {
            all.push(own);
        }
    }
    let alone = all.len() == 1;
    let joined = all.into_iter().map(|own| match own.as_slice() {
        [one] if alone => one.clone(),
        many => many.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" && "),
    });
    joined.collect::<Vec<_>>().join(" || ")
}

fn whole(definition: &Definition<'_>, value: Option<String>, edits: &mut Edits) {
    let text = &definition.file.text;
    let binding = &definition.binding;
    let Some(value) = value else {
        return edits.replace(lines_around(text, of_inherit(definition).unwrap_or(range(binding))), "");
    };
    let new = format!("pkeys = {value}");
    if let Some(attribute) = of_inherit(definition) {
        edits.replace(lines_around(text, attribute), "");
        return edits.replace(range(binding).end..range(binding).end, format!(" {new};"));
    }
    let Some(set) = ast::AttrpathValue::cast(binding.clone()) else {
        return edits.replace(range(binding), format!("{new};"));
    };
    let (Some(last), Some(old)) = (binding_path(&set).pop(), set.value()) else { return };
    let replaced = range(last.syntax()).start..range(old.syntax()).end;
    let start = range(binding).start;
    let indent = indent(text, start);
    let notes: String = notes(&old).iter().map(|note| format!("{note}{}{indent}", line_end(text))).collect();
    edits.replace(start..start, notes);
    edits.replace(replaced, new);
}

/// The attribute of an `inherit` that stands beside others.
fn of_inherit(definition: &Definition<'_>) -> Option<Range<usize>> {
    let inherit = ast::Inherit::cast(definition.binding.clone())?;
    let attrs: Vec<_> = inherit.attrs().map(|attr| attr.syntax().clone()).collect();
    let name = match definition.field {
        super::definition::Field::Keys => "keys",
        super::definition::Field::KeyFiles => "keyFiles",
    };
    attrs.iter().find(|attr| attr.text() == name).filter(|_| attrs.len() > 1).map(range)
}

/// The comments in a value that are no labels of keys: they stay.
fn notes(value: &Expr) -> Vec<String> {
    let labels: BTreeSet<_> = value
        .syntax()
        .descendants()
        .filter(|node| Expr::can_cast(node.kind()))
        .filter_map(|node| comment_text(&node))
        .filter(|(text, _)| is_label(text))
        .map(|(_, range)| range.start)
        .collect();
    let tokens = value.syntax().descendants_with_tokens().filter_map(rnix::NodeOrToken::into_token);
    let comments = tokens.filter_map(ast::Comment::cast);
    let is_note = |comment: &ast::Comment| !labels.contains(&comment.syntax().text_range().start().into());
    comments.filter(is_note).map(|comment| comment.syntax().text().trim_end().to_owned()).collect()
}

fn partly(definition: &Definition<'_>, value: Option<String>, edits: &mut Edits) {
    let text = &definition.file.text;
    let stays = |operand: usize| definition.pieces.iter().any(|piece| piece.operand == operand && piece.stays);
    let kept: Vec<_> = (0..definition.operands.len()).filter(|operand| stays(*operand)).collect();
    for (operand, here) in definition.operands.iter().enumerate() {
        match (kept.contains(&operand), kept.iter().any(|kept| *kept > operand)) {
            (true, _) => definition
                .taken()
                .filter(|piece| piece.operand == operand)
                .for_each(|piece| element(text, &definition.binding, piece, edits)),
            (false, true) => edits.replace(here.start..definition.operands[operand + 1].start, ""),
            (false, false) => {
                let before = kept.last().map_or(here.start, |kept| definition.operands[*kept].end);
                edits.replace(before..here.end, "");
            }
        }
    }
    let (Some(value), Some(set)) = (value, ast::AttrpathValue::cast(definition.binding.clone())) else { return };
    let Some(last) = binding_path(&set).pop() else { return };
    let (start, end) = (range(&definition.binding).start, range(&definition.binding).end);
    let path = &text[start..range(last.syntax()).start];
    edits.replace(end..end, format!("{}{}{path}pkeys = {value};", line_end(text), indent(text, start)));
}

/// Removes an element of a list, with the comment that became its label.
fn element(text: &str, binding: &SyntaxNode, piece: &Piece<'_>, edits: &mut Edits) {
    let Some(here) = &piece.range else { return };
    let node = binding.descendants().find(|node| range(node) == *here && Expr::can_cast(node.kind()));
    let comment = node.and_then(|node| comment_text(&node)).filter(|(text, _)| is_label(text));
    let end = match &comment {
        Some((_, comment)) if comment.start > here.start => comment.end,
        Some((_, comment)) => {
            edits.replace(lines_around(text, comment.clone()), "");
            here.end
        }
        None => here.end,
    };
    edits.replace(lines_around(text, here.start..end), "");
}
