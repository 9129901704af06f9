//! Nix files with pkeys' lines in the place of the other tool's.

use super::declared::{Declared, Kind, Tool};
use super::names::attribute;
use super::settings::Setting;
use crate::nixfiles::{Changed, Edits, Left, NixFile, Tree, indent, line_end, lines_around, range};
use rnix::ast::{self, Attr, Expr, HasEntry};
use rowan::ast::AstNode;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

/// The statements for each file, to be put there by hand.
pub(super) fn lines(declared: &[Declared<'_>]) -> Vec<(PathBuf, String)> {
    let mut all: BTreeMap<PathBuf, String> = BTreeMap::new();
    for one in declared {
        let text = all.entry(one.file.path.clone()).or_default();
        *text += &one.statement("", "\n");
        *text += "\n";
    }
    all.into_iter().collect()
}

/// The files as they would be, and places that read the other tool's options in a way that cannot be followed.
pub(super) fn rewrite(
    tree: &Tree,
    tool: Tool,
    settings: &[Setting<'_>],
    declared: &[Declared<'_>],
) -> (Vec<Changed>, Vec<Left>) {
    let (mut changed, mut left) = (Vec::new(), Vec::new());
    for file in tree.files() {
        let own: Vec<_> = declared.iter().filter(|one| one.file.path == file.path).collect();
        let mut edits = Edits::default();
        let gone = gone(file, settings, &own);
        statements(file, &own, &gone, &mut edits);
        references(file, tool, declared, &gone, &mut edits, &mut left);
        let new = edits.apply(&file.text);
        if new != file.text {
            changed.push(Changed { path: file.path.clone(), old: file.text.clone(), new });
        }
    }
    (changed, left)
}

/// The bindings that go: those of what is taken over, and those that are empty without them.
fn gone(file: &NixFile, settings: &[Setting<'_>], own: &[&Declared<'_>]) -> BTreeSet<(usize, usize)> {
    let is_taken = |setting: &&Setting<'_>| {
        let set = |one: &Declared<'_>| if one.kind == Kind::Template { "templates" } else { "secrets" };
        let same = |one: &&&Declared<'_>| one.anchor == setting.anchor && setting.path.get(1) == Some(&one.attribute);
        setting.file.path == file.path && own.iter().filter(same).any(|one| setting.path[0] == set(one))
    };
    let mut gone: BTreeSet<_> =
        settings.iter().filter(is_taken).map(|setting| (setting.node.start, setting.node.end)).collect();
    loop {
        let before = gone.len();
        for binding in file.syntax().descendants().filter_map(ast::AttrpathValue::cast) {
            let Some(Expr::AttrSet(set)) = binding.value() else { continue };
            let mut entries = set.entries().peekable();
            let of = |node: &rnix::SyntaxNode| (range(node).start, range(node).end);
            if entries.peek().is_some() && entries.all(|entry| gone.contains(&of(entry.syntax()))) {
                gone.insert(of(binding.syntax()));
            }
        }
        if gone.len() == before {
            return gone;
        }
    }
}

/// Puts the new statements where the old ones stood.
fn statements(file: &NixFile, own: &[&Declared<'_>], gone: &BTreeSet<(usize, usize)>, edits: &mut Edits) {
    let (text, end) = (&file.text, line_end(&file.text));
    let mut tops: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for one in own {
        let indent = indent(text, one.top.start);
        let notes = notes(file, one, own, gone).into_iter().map(|note| format!("{note}{end}{indent}"));
        let statement = notes.collect::<String>() + &one.statement(indent, end);
        tops.entry((one.top.start, one.top.end)).or_default().push(statement);
    }
    for ((start, stop), statements) in &tops {
        let between = format!("{end}{}", indent(text, *start));
        let all = statements.join(&between);
        if gone.contains(&(*start, *stop)) {
            edits.replace(*start..*stop, all);
        } else {
            edits.replace(*stop..*stop, format!("{between}{all}"));
        }
    }
    for (start, stop) in gone.iter().filter(|range| !tops.contains_key(range)) {
        edits.replace(lines_around(text, *start..*stop), "");
    }
}

/// The comments that would go with a declaration: behind one of its bindings on the same line, or before the next one.
fn notes(file: &NixFile, one: &Declared<'_>, own: &[&Declared<'_>], gone: &BTreeSet<(usize, usize)>) -> Vec<String> {
    let of = |comment: Range<usize>| {
        let all = || own.iter().filter(|other| other.top == one.top).flat_map(|o| o.nodes.iter().map(move |n| (n, o)));
        let same_line = |node: &&Range<usize>| !file.text[node.end..comment.start].contains('\n');
        let before = all().filter(|(node, _)| node.end <= comment.start).filter(|(node, _)| same_line(node));
        let behind = before.max_by_key(|(node, _)| node.end);
        let next = || all().filter(|(node, _)| node.start >= comment.end).min_by_key(|(node, _)| node.start);
        let inside = || all().find(|(node, _)| node.start < comment.start && comment.end < node.end);
        behind.or_else(inside).or_else(next).or_else(|| all().max_by_key(|(node, _)| node.end)).map(|(_, owner)| owner)
    };
    let tokens = file.syntax().descendants_with_tokens().filter_map(rnix::NodeOrToken::into_token);
    let comments = tokens.filter(|token| token.kind() == rnix::SyntaxKind::TOKEN_COMMENT);
    let within = comments.filter(|token| {
        let here: Range<usize> = token.text_range().into();
        // A template's text is taken as it stands, comments and all.
        let kept = one.kind == Kind::Template && one.nodes.iter().any(|n| n.start < here.start && here.end < n.end);
        gone.iter().any(|(start, stop)| *start < here.start && here.end < *stop)
            && one.top.start < here.start
            && here.end < one.top.end
            && !kept
            && of(here).is_some_and(|owner| owner.attribute == one.attribute && owner.kind == one.kind)
    });
    within.map(|token| token.text().trim_end().to_owned()).collect()
}

/// What reads a tool's options: `config.age.secrets.NAME.path`.
fn references(
    file: &NixFile,
    tool: Tool,
    declared: &[Declared<'_>],
    gone: &BTreeSet<(usize, usize)>,
    edits: &mut Edits,
    left: &mut Vec<Left>,
) {
    for select in file.syntax().descendants().filter_map(ast::Select::cast) {
        let here = range(select.syntax());
        let within = |(start, stop): &(usize, usize)| *start <= here.start && here.end <= *stop;
        let of_config = select.expr().is_some_and(|from| from.syntax().text() == "config");
        let path: Vec<Attr> = select.attrpath().into_iter().flat_map(|path| path.attrs()).collect();
        let names: Vec<_> = path.iter().map(|attr| attr.syntax().text().to_string()).collect();
        let Some(at) = place(tool, &names) else { continue };
        let known = names.get(at + 1).map(|name| name.trim_matches('"').to_owned());
        let set = if names[at] == "templates" { "templates" } else { "secrets" };
        let is = |one: &&Declared<'_>| {
            Some(&one.attribute) == known.as_ref() && (one.kind == Kind::Template) == (set == "templates")
        };
        match declared.iter().find(is) {
            _ if gone.iter().any(within) && tool != Tool::Opnix => {}
            Some(one) if of_config => {
                let own = attribute(&one.attribute);
                let rest: String = names[at + 2..].iter().map(|name| format!(".{name}")).collect();
                let new = match names[at].as_str() {
                    "placeholder" => format!("config.pkeys.placeholder.{own}"),
                    "secretPaths" => format!("config.pkeys.secrets.{own}.path"),
                    _ => format!("config.pkeys.{set}.{own}{rest}"),
                };
                edits.replace(here, new);
            }
            None if known.is_some() && path.get(at + 1).is_some_and(|attr| !matches!(attr, Attr::Dynamic(_))) => {}
            _ => left.push(Left::new(
                file.path.clone(),
                Some(file.line(select.syntax())),
                format!("it reads {}.{}", tool.prefix().join("."), names[at]),
                format!("let it read pkeys.{set} instead, where the name is one that moved"),
            )),
        }
    }
}

/// Where in a path the tool's set of secrets is, after its prefix.
fn place(tool: Tool, names: &[String]) -> Option<usize> {
    let prefix = tool.prefix();
    let sets = match tool {
        Tool::Opnix => &["secretPaths"][..],
        Tool::SopsNix => &["secrets", "templates", "placeholder"],
        Tool::Agenix | Tool::AgenixRekey => &["secrets"],
    };
    let at = names.windows(prefix.len()).position(|part| part == prefix)? + prefix.len();
    (at < names.len() && sets.contains(&names[at].as_str())).then_some(at)
}
