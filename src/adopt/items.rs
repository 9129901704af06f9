//! What a definition's value holds: keys that stand there, keys of other users, and what cannot be seen.

use super::definition::{Condition, Field, Item, Kind, Piece};
use crate::base::UserName;
use crate::keys::AuthorizedLine;
use crate::nixfiles::{At, Left, Seen, Unseen, applied, comment_text, inside, range};
use rnix::ast::{BinOpKind, Expr};
use rowan::ast::AstNode;
use std::ops::Range;

const DEFAULT_PRIORITY: u32 = 100;

/// The value's pieces, and the ranges of its operands where it is lists joined by `++`.
pub(super) fn pieces<'t>(at: &At<'t>, field: Field) -> (Vec<Piece<'t>>, Vec<Range<usize>>) {
    let operands = operands(inside(at.expr.clone()));
    let is_wrapped = |expr: &Expr| applied(&inside(expr.clone())).is_some_and(|(name, _)| name.starts_with("mk"));
    if operands.iter().any(is_wrapped) {
        let mut all = Vec::new();
        wrapped(at, field, DEFAULT_PRIORITY, &[], &mut all);
        return (all, Vec::new());
    }
    let mut all = Vec::new();
    for (operand, expr) in operands.iter().enumerate() {
        let of = |range, items| Piece { range: Some(range), operand, priority: DEFAULT_PRIORITY, items, stays: false };
        match inside(expr.clone()) {
            Expr::List(list) => all.extend(list.items().map(|element| {
                let mut items = Vec::new();
                element_items(&at.at(element.clone()), field, &[], &mut items);
                of(range(element.syntax()), items)
            })),
            _ => {
                let mut items = Vec::new();
                list_items(&at.at(expr.clone()), field, &[], &mut items);
                all.push(of(range(expr.syntax()), items));
            }
        }
    }
    (all, operands.iter().map(|expr| range(expr.syntax())).collect())
}

fn operands(expr: Expr) -> Vec<Expr> {
    match expr {
        Expr::BinOp(join) if join.operator() == Some(BinOpKind::Concat) => {
            join.lhs().into_iter().chain(join.rhs()).flat_map(operands).collect()
        }
        other => vec![other],
    }
}

/// A value with `mkForce` and the like around it: one piece for each list.
fn wrapped<'t>(at: &At<'t>, field: Field, priority: u32, under: &[Condition<'t>], all: &mut Vec<Piece<'t>>) {
    let expr = inside(at.expr.clone());
    let of = |expr: &Expr| at.at(expr.clone());
    let arguments = applied(&expr);
    match arguments.as_ref().map(|(name, arguments)| (name.as_str(), arguments.as_slice())) {
        Some(("mkForce", [value])) => wrapped(&of(value), field, 50, under, all),
        Some(("mkDefault", [value])) => wrapped(&of(value), field, 1000, under, all),
        Some(("mkBefore" | "mkAfter", [value]) | ("mkOrder", [_, value])) => {
            wrapped(&of(value), field, priority, under, all);
        }
        Some(("mkIf", [condition, value])) => {
            let under = [under, &[Condition { at: of(condition), holds: true, outer: false }]].concat();
            wrapped(&of(value), field, priority, &under, all);
        }
        Some(("mkMerge", [list])) if matches!(inside(list.clone()), Expr::List(_)) => {
            let Expr::List(list) = inside(list.clone()) else { return };
            list.items().for_each(|value| wrapped(&of(&value), field, priority, under, all));
        }
        _ => {
            let mut items = Vec::new();
            list_items(&of(&expr), field, under, &mut items);
            all.push(Piece { range: None, operand: 0, priority, items, stays: false });
        }
    }
}

/// A list.
fn list_items<'t>(at: &At<'t>, field: Field, under: &[Condition<'t>], all: &mut Vec<Item<'t>>) {
    if let Some(user) = user_of(at) {
        return all.push(item(at, under, None, Kind::Of(user)));
    }
    let at = &match at.head() {
        Ok(Seen::Expr(at)) => at,
        Ok(Seen::Set(_)) => return all.push(unseen(at, under, at.unseen("it is a set"))),
        Err(why) => return all.push(unseen(at, under, why)),
    };
    let of = |expr: &Expr| at.at(expr.clone());
    let given = |condition: &Expr, holds| [under, &[Condition { at: of(condition), holds, outer: false }]].concat();
    match &at.expr {
        Expr::List(list) => list.items().for_each(|element| element_items(&of(&element), field, under, all)),
        Expr::BinOp(join) if join.operator() == Some(BinOpKind::Concat) => {
            for side in join.lhs().into_iter().chain(join.rhs()) {
                list_items(&of(&side), field, under, all);
            }
        }
        Expr::IfElse(choice) => {
            let (Some(condition), Some(yes), Some(no)) = (choice.condition(), choice.body(), choice.else_body()) else {
                return all.push(unseen(at, under, at.unseen("it is not complete")));
            };
            list_items(&of(&yes), field, &given(&condition, true), all);
            list_items(&of(&no), field, &given(&condition, false), all);
        }
        Expr::Apply(_) => {
            let found = applied(&at.expr);
            match found.as_ref().map(|(name, arguments)| (name.as_str(), arguments.as_slice())) {
                Some(("optionals", [condition, list])) => list_items(&of(list), field, &given(condition, true), all),
                Some(("optional", [condition, one])) => element_items(&of(one), field, &given(condition, true), all),
                Some(("flatten" | "concatLists", [lists])) => lists_of(&of(lists), field, under, all),
                Some(("unique", [list])) => list_items(&of(list), field, under, all),
                Some(("singleton", [one])) => element_items(&of(one), field, under, all),
                Some(("attrValues", [set])) => values(&of(set), field, under, all),
                Some(("splitString", [by, text])) if of(by).text().as_deref() == Ok("\n") => {
                    element_items(&of(text), field, under, all);
                }
                _ => all.push(unseen(at, under, at.unseen("a function's result"))),
            }
        }
        _ => all.push(unseen(at, under, at.unseen("only Nix can say what it is"))),
    }
}

fn lists_of<'t>(at: &At<'t>, field: Field, under: &[Condition<'t>], all: &mut Vec<Item<'t>>) {
    match at.head() {
        Ok(Seen::Expr(At { expr: Expr::List(lists), .. })) => {
            for list in lists.items() {
                let list = at.at(list);
                match list.head() {
                    Ok(Seen::Expr(At { expr: Expr::Str(_), .. })) => element_items(&list, field, under, all),
                    _ => list_items(&list, field, under, all),
                }
            }
        }
        _ => all.push(unseen(at, under, at.unseen("a function's result"))),
    }
}

fn values<'t>(at: &At<'t>, field: Field, under: &[Condition<'t>], all: &mut Vec<Item<'t>>) {
    let set = match at.head() {
        Ok(Seen::Set(set)) => set,
        Ok(Seen::Expr(other)) => return all.push(unseen(at, under, other.unseen("a function's result"))),
        Err(why) => return all.push(unseen(at, under, why)),
    };
    for name in set.names() {
        match set.get(&name) {
            Ok(Seen::Expr(found)) => {
                let from = all.len();
                element_items(&found, field, under, all);
                all[from..].iter_mut().for_each(|item| item.comment = item.comment.take().or(Some(name.clone())));
            }
            Ok(Seen::Set(_)) => all.push(unseen(at, under, at.unseen("it is a set"))),
            Err(why) => all.push(unseen(at, under, why)),
        }
    }
}

/// An element of a list: a text of one or more keys, or a file with them.
fn element_items<'t>(at: &At<'t>, field: Field, under: &[Condition<'t>], all: &mut Vec<Item<'t>>) {
    // The comment stands where the text does: follow the names first.
    let at = &match at.head() {
        Ok(Seen::Expr(found)) => found,
        _ => at.clone(),
    };
    let comment = comment_text(at.expr.syntax()).map(|(text, _)| text);
    let text = match field {
        Field::Keys => at.text(),
        Field::KeyFiles => at.path().and_then(|path| at.read(&path)),
    };
    match text {
        Ok(text) => lines(at, &text, comment, under, all),
        Err(why) => all.push(unseen(at, under, why)),
    }
}

fn lines<'t>(at: &At<'t>, text: &str, mut comment: Option<String>, under: &[Condition<'t>], all: &mut Vec<Item<'t>>) {
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(said) = line.strip_prefix('#') {
            comment = Some(said.trim().to_owned());
            continue;
        }
        all.push(match line.parse::<AuthorizedLine>() {
            Ok(line) => item(at, under, comment.take(), Kind::Key(Box::new(line))),
            Err(e) => {
                let why = at.unseen(format!("the key cannot be taken over: {}", e.message()));
                let next = e.next_step().map_or_else(|| "correct or remove it".into(), str::to_owned);
                item(at, under, comment.take(), Kind::Unseen(left(why, next)))
            }
        });
    }
}

fn item<'t>(at: &At<'t>, under: &[Condition<'t>], comment: Option<String>, kind: Kind) -> Item<'t> {
    Item { kind, conditions: under.to_vec(), file: at.file, line: at.file.line(at.expr.syntax()), comment }
}

fn unseen<'t>(at: &At<'t>, under: &[Condition<'t>], why: Unseen) -> Item<'t> {
    let next = "write the keys there in full, or add them by hand: `pkeys key add USER LABEL --public KEY`";
    item(at, under, None, Kind::Unseen(left(why, next)))
}

fn left(why: Unseen, next: impl Into<String>) -> Left {
    Left::new(why.file, Some(why.line), why.why, next)
}

/// The user of `config.users.users.NAME.openssh.authorizedKeys.keys`.
fn user_of(at: &At<'_>) -> Option<UserName> {
    let Expr::Select(select) = inside(at.expr.clone()) else { return None };
    super::readers::user_of(at, &select).flatten()
}
