//! Options of another tool, as they stand in Nix files.

use crate::base::HostName;
use crate::nixfiles::{At, Left, NixFile, Part, Tree, Uses, place_of, range};
use rnix::SyntaxNode;
use rnix::ast::{self, Attr, Expr, HasEntry};
use rowan::ast::AstNode;
use std::collections::BTreeSet;
use std::ops::Range;

/// One option that is set.
#[derive(Clone, Debug)]
pub(super) struct Setting<'t> {
    pub file: &'t NixFile,
    pub line: usize,
    /// The path below the tool's own options: `secrets`, `token`, `owner`.
    pub path: Vec<String>,
    /// The value; `None` for an empty set, which only declares.
    pub value: Option<At<'t>>,
    /// The set literal in which the whole path stands, and the binding in it that holds this one.
    pub anchor: Range<usize>,
    pub top: Range<usize>,
    /// The binding itself.
    pub node: Range<usize>,
    pub hosts: BTreeSet<HostName>,
}

/// All options below `prefix` (`age`; `services`, `onepassword-secrets`), and what cannot be read of them.
pub(super) fn settings<'t>(tree: &'t Tree, uses: &Uses, prefix: &[&str]) -> (Vec<Setting<'t>>, Vec<Left>) {
    let (mut all, mut left) = (Vec::new(), Vec::new());
    let word = prefix.last().copied().unwrap_or_default();
    for file in tree.files().filter(|file| file.text.contains(word)) {
        for node in file.syntax().descendants() {
            match setting(tree, file, uses, prefix, &node) {
                Ok(found) => all.extend(found),
                Err(why) => left.push(why),
            }
        }
    }
    (all, left)
}

fn setting<'t>(
    tree: &'t Tree,
    file: &'t NixFile,
    uses: &Uses,
    prefix: &[&str],
    node: &SyntaxNode,
) -> Result<Vec<Setting<'t>>, Left> {
    let binding = ast::AttrpathValue::cast(node.clone());
    let names: Vec<(Option<String>, Option<Expr>)> = match (&binding, ast::Inherit::cast(node.clone())) {
        (Some(binding), _) => match binding.value() {
            Some(Expr::AttrSet(set)) if set.entries().next().is_some() => return Ok(Vec::new()),
            Some(Expr::AttrSet(_)) => vec![(None, None)],
            other => vec![(None, other)],
        },
        (None, Some(inherit)) => inherit
            .attrs()
            .filter_map(|attr| match attr {
                Attr::Ident(ident) => Some((Some(ident.syntax().text().to_string()), Some(Expr::Ident(ident)))),
                _ => None,
            })
            .collect(),
        _ => return Ok(Vec::new()),
    };
    let place = place_of(node);
    let mut all = Vec::new();
    for (name, value) in names {
        let parts: Vec<_> = place.path.iter().cloned().chain(name.map(Part::Name)).collect();
        let known = |at: usize| prefix.iter().zip(&parts[at..]).all(|(name, part)| part.name() == Some(name));
        let Some(at) =
            (0..=parts.len().saturating_sub(prefix.len())).find(|at| known(*at)).filter(|_| parts.len() > prefix.len())
        else {
            continue;
        };
        let line = file.line(node);
        let leave = |why: String, next: &str| Left::new(file.path.clone(), Some(line), why, next);
        let Some(hosts) = uses.of_module(file, node, &parts[..at]) else {
            // `options.age…` declares an option.
            if parts[0].name() == Some("options") {
                continue;
            }
            let next = "move it by hand, where pkeys has a place for it";
            return Err(leave(format!("{} is of home-manager, a container or the like", prefix.join(".")), next));
        };
        let path =
            parts[at + prefix.len()..].iter().map(|part| part.name().map(str::to_owned)).collect::<Option<Vec<_>>>();
        let shown = prefix.join(".");
        let by_hand = "move it by hand: docs/nixos.md";
        let path = path.ok_or_else(|| leave(format!("a name below {shown} is computed"), by_hand))?;
        if let Some(why) = place.broken {
            return Err(leave(format!("{shown}.{} cannot be read: {why}", path.join(".")), by_hand));
        }
        let top = top(node, &place.anchor);
        let value = value.map(|expr| At::new(tree, file, expr));
        all.push(Setting { file, line, path, value, anchor: place.anchor.clone(), top, node: range(node), hosts });
    }
    Ok(all)
}

/// The binding directly in the anchor that holds a node.
fn top(node: &SyntaxNode, anchor: &Range<usize>) -> Range<usize> {
    let is_top = |node: &SyntaxNode| {
        let above = node.parent().is_some_and(|above| range(&above) == *anchor);
        above && (ast::AttrpathValue::can_cast(node.kind()) || ast::Inherit::can_cast(node.kind()))
    };
    node.ancestors().find(is_top).map_or_else(|| range(node), |top| range(&top))
}

impl Setting<'_> {
    /// The value's text, as it stands in the file.
    pub fn text(&self) -> String {
        self.value.as_ref().map_or_else(|| "{ }".into(), |at| at.expr.syntax().text().to_string())
    }

    /// Says that this one has to be looked at by a person.
    pub fn left(&self, why: impl Into<String>, next: impl Into<String>) -> Left {
        Left::new(self.file.path.clone(), Some(self.line), why, next)
    }
}
