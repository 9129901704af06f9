//! Conditions that depend on nothing but the host's name.

use super::definition::Condition;
use crate::base::HostName;
use crate::nixfiles::{At, Seen, applied, inside};
use rnix::ast::{BinOpKind, Expr, UnaryOpKind};
use rowan::ast::AstNode;

impl Condition<'_> {
    /// Whether it is met on a host; `None` when only Nix can say.
    pub fn is_met(&self, host: &HostName) -> Option<bool> {
        holds(&self.at, host).map(|holds| holds == self.holds)
    }

    /// The condition as it stands in the file.
    pub fn text(&self) -> String {
        let text = self.at.expr.syntax().text().to_string();
        if self.holds { text } else { format!("!({text})") }
    }
}

fn holds(at: &At<'_>, host: &HostName) -> Option<bool> {
    let on = |expr: Option<Expr>| holds(&at.at(expr?), host);
    match inside(at.expr.clone()) {
        Expr::Ident(ident) => match ident.syntax().text().to_string().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => match at.head() {
                Ok(Seen::Expr(found)) if !matches!(found.expr, Expr::Ident(_)) => holds(&found, host),
                _ => None,
            },
        },
        Expr::UnaryOp(not) if not.operator() == Some(UnaryOpKind::Invert) => on(not.expr()).map(|holds| !holds),
        Expr::BinOp(join) => {
            let (one, other) = (join.lhs(), join.rhs());
            match join.operator()? {
                BinOpKind::And => both(on(one), on(other), false),
                BinOpKind::Or => both(on(one), on(other), true),
                BinOpKind::Equal => is_named(at, one?, other?, host),
                BinOpKind::NotEqual => is_named(at, one?, other?, host).map(|same| !same),
                _ => None,
            }
        }
        expr @ Expr::Apply(_) => match applied(&expr)? {
            (name, arguments) if name == "elem" && arguments.len() == 2 && is_host_name(&arguments[0]) => {
                let Ok(Seen::Expr(At { expr: Expr::List(list), .. })) = at.at(arguments[1].clone()).head() else {
                    return None;
                };
                let names: Option<Vec<_>> = list.items().map(|item| at.at(item).text().ok()).collect();
                Some(names?.iter().any(|name| name == host.as_str()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// `and` and `or`: one side that decides is enough.
fn both(one: Option<bool>, other: Option<bool>, decides: bool) -> Option<bool> {
    if one == Some(decides) || other == Some(decides) {
        return Some(decides);
    }
    one.and(other)
}

fn is_named(at: &At<'_>, one: Expr, other: Expr, host: &HostName) -> Option<bool> {
    let text = match (is_host_name(&one), is_host_name(&other)) {
        (true, false) => other,
        (false, true) => one,
        _ => return None,
    };
    at.at(text).text().ok().map(|name| name == host.as_str())
}

fn is_host_name(expr: &Expr) -> bool {
    inside(expr.clone()).syntax().text() == "config.networking.hostName"
}
