//! Where the configuration sets users' keys.

use super::definition::{Condition, Definition, Field};
use super::items::pieces;
use crate::base::{HostName, UserName};
use crate::nixfiles::{At, Left, NixFile, Part, Place, Tree, Uses, Wrap, binding_path, place_of};
use rnix::SyntaxNode;
use rnix::ast::{self, Attr, Expr};
use rowan::ast::AstNode;
use std::collections::BTreeSet;

/// All definitions of keys, and the places where it cannot be seen whose keys they are.
/// `given` is the user where the name is computed.
pub(super) fn sites<'t>(tree: &'t Tree, uses: &Uses, given: Option<&UserName>) -> (Vec<Definition<'t>>, Vec<Left>) {
    let (mut definitions, mut left) = (Vec::new(), Vec::new());
    for file in tree.files().filter(|file| file.text.contains("authorizedKeys")) {
        for node in file.syntax().descendants() {
            for (place, field, value) in settings(tree, file, &node) {
                match definition(tree, file, &node, &place, uses, given) {
                    Ok(mut found) => {
                        found.field = field;
                        if let Some(at) = value {
                            (found.pieces, found.operands) = pieces(&at, field);
                            surround(&mut found, &at, &place);
                        } else {
                            found.leave("its value is not complete", "look at it by hand");
                        }
                        // A list without elements has nothing to take over, but may override others.
                        definitions.push(found);
                    }
                    Err(why) => left.push(why),
                }
            }
        }
    }
    (definitions, left)
}

/// What a binding sets of `openssh.authorizedKeys`, with its value; `inherit` may set both.
fn settings<'t>(tree: &'t Tree, file: &'t NixFile, node: &SyntaxNode) -> Vec<(Place, Field, Option<At<'t>>)> {
    let mut all = Vec::new();
    let mut add = |mut place: Place, name: Option<&str>, value: Option<Expr>| {
        place.path.extend(name.map(|name| Part::Name(name.into())));
        if let Some(field) = field(&place.path) {
            all.push((place, field, value.map(|expr| At::new(tree, file, expr))));
        }
    };
    if let Some(binding) = ast::AttrpathValue::cast(node.clone()) {
        let last = binding_path(&binding).pop().map(|attr| attr.syntax().text().to_string());
        if last.is_some_and(|last| last == "keys" || last == "keyFiles") {
            add(place_of(node), None, binding.value());
        }
    } else if let Some(inherit) = ast::Inherit::cast(node.clone()) {
        for attr in inherit.attrs() {
            let Attr::Ident(ident) = &attr else { continue };
            let name = ident.syntax().text().to_string();
            if name == "keys" || name == "keyFiles" {
                add(place_of(node), Some(&name), Some(Expr::Ident(ident.clone())));
            }
        }
    }
    all
}

fn field(path: &[Part]) -> Option<Field> {
    let names: Vec<_> = path.iter().rev().take(3).map(Part::name).collect();
    match names.as_slice() {
        [Some("keys"), Some("authorizedKeys"), Some("openssh")] => Some(Field::Keys),
        [Some("keyFiles"), Some("authorizedKeys"), Some("openssh")] => Some(Field::KeyFiles),
        _ => None,
    }
}

fn definition<'t>(
    tree: &'t Tree,
    file: &'t NixFile,
    node: &SyntaxNode,
    place: &Place,
    uses: &Uses,
    given: Option<&UserName>,
) -> Result<Definition<'t>, Left> {
    let line = file.line(node);
    let left = |why: &str, next: &str| Left::new(file.path.clone(), Some(line), why, next);
    let by_hand = "add the keys by hand: `pkeys key add USER LABEL --public KEY`; then remove them here";
    // From the end: keys, authorizedKeys, openssh, NAME, users, users.
    let at = place.path.len().checked_sub(6);
    let is_users = |at: usize| {
        let names = [place.path[at].name(), place.path[at + 1].name()];
        matches!(names, [Some("users"), Some("users" | "extraUsers")])
    };
    let Some(at) = at.filter(|at| is_users(*at)) else {
        let why = place.broken.unwrap_or("its file is imported by another");
        return Err(left(&format!("it cannot be seen whose keys these are: {why}"), by_hand));
    };
    if let Some(why) = place.broken {
        return Err(left(&format!("it cannot be seen where these keys count: {why}"), by_hand));
    }
    let user = match &place.path[at + 2] {
        Part::Name(name) => UserName::new(name.as_str()).ok(),
        Part::Computed(attr) => computed(tree, file, attr).and_then(|name| UserName::new(name).ok()).or(given.cloned()),
    };
    let user = user.ok_or_else(|| {
        left(
            "it cannot be seen whose keys these are: the name is computed",
            "say whose: `pkeys adopt FILE --user NAME`",
        )
    })?;
    let Some(hosts) = uses.of_module(file, node, &place.path[..at]) else {
        return Err(left(
            "they are of a container, a virtual machine or another part of the host",
            "nothing, if that is so",
        ));
    };
    Ok(Definition {
        file,
        line,
        binding: node.clone(),
        user,
        field: Field::Keys,
        anchor: place.anchor.clone(),
        hosts,
        pieces: Vec::new(),
        operands: Vec::new(),
        left: None,
    })
}

fn computed(tree: &Tree, file: &NixFile, attr: &Attr) -> Option<String> {
    let expr = match attr {
        Attr::Dynamic(dynamic) => dynamic.expr()?,
        Attr::Str(text) => Expr::Str(text.clone()),
        Attr::Ident(_) => return None,
    };
    At::new(tree, file, expr).text().ok()
}

/// Puts on each piece what is around the whole definition.
fn surround<'t>(definition: &mut Definition<'t>, at: &At<'t>, place: &Place) {
    for wrap in &place.wraps {
        for piece in &mut definition.pieces {
            match wrap {
                Wrap::Priority(priority) => piece.priority = *priority,
                Wrap::If(expr, holds) => {
                    let condition = Condition { at: at.at(expr.clone()), holds: *holds, outer: true };
                    piece.items.iter_mut().for_each(|item| item.conditions.push(condition.clone()));
                }
            }
        }
    }
}

/// The hosts on which it is certain that a condition holds; `None` when that is not certain of one of them.
pub(super) fn met(conditions: &[Condition<'_>], hosts: &BTreeSet<HostName>) -> Option<BTreeSet<HostName>> {
    let mut all = BTreeSet::new();
    for host in hosts {
        let mut met = true;
        for condition in conditions {
            match condition.is_met(host) {
                Some(holds) => met &= holds,
                None if met => return None,
                None => {}
            }
        }
        if met {
            all.insert(host.clone());
        }
    }
    Some(all)
}
