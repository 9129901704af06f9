//! Places that read a user's keys out of the configuration: they would find none after the keys have moved.

use crate::base::UserName;
use crate::nixfiles::{At, NixFile, Tree, range};
use rnix::ast::{self, Attr, Expr};
use rowan::ast::AstNode;
use std::ops::Range;

/// One place.
#[derive(Clone, Debug)]
pub(super) struct Reader<'t> {
    pub file: &'t NixFile,
    pub range: Range<usize>,
    pub line: usize,
    /// Whose keys; `None`: anybody's.
    pub user: Option<UserName>,
    /// Only the default of another option reads them.
    pub by_default: bool,
}

/// All of them.
pub(super) fn readers(tree: &Tree) -> Vec<Reader<'_>> {
    let mut all = Vec::new();
    for file in tree.files() {
        let mut initrd = None;
        let mut has_own = false;
        for node in file.syntax().descendants() {
            if let Some(select) = ast::Select::cast(node.clone()) {
                let at = At::new(tree, file, Expr::Select(select.clone()));
                if let Some(user) = user_of(&at, &select) {
                    let line = file.line(&node);
                    all.push(Reader { file, range: range(&node), line, user, by_default: false });
                }
            }
            if let Some(path) = ast::Attrpath::cast(node.clone()) {
                let text = path.syntax().text().to_string();
                initrd = initrd.or_else(|| text.contains("network.ssh").then(|| node.clone()));
                has_own |= text.ends_with("authorizedKeys") || text.ends_with("authorizedKeyFiles");
            }
        }
        // NixOS's own default there: boot.initrd.network.ssh.authorizedKeys reads root's keys.
        if let Some(node) = initrd.filter(|_| !has_own && file.text.contains("initrd")) {
            let user = UserName::new("root").ok();
            let line = file.line(&node);
            all.push(Reader { file, range: range(&node), line, user, by_default: true });
        }
    }
    all
}

/// Whose keys a selection reads: `Some(None)` for somebody's whom only Nix knows; `None` if it reads no keys.
pub(super) fn user_of(at: &At<'_>, select: &ast::Select) -> Option<Option<UserName>> {
    let path: Vec<_> = select.attrpath()?.attrs().collect();
    let text = |attr: &Attr| attr.syntax().text().to_string();
    let names: Vec<_> = path.iter().map(text).collect();
    let (end, keys) = names.split_at_checked(names.len().checked_sub(3)?)?;
    if keys[..2] != ["openssh", "authorizedKeys"] || !["keys", "keyFiles"].contains(&keys[2].as_str()) {
        return None;
    }
    let known = matches!(end, [users, all, _] if users == "users" && (all == "users" || all == "extraUsers"));
    let of_config = select.expr().is_some_and(|from| from.syntax().text() == "config");
    if !(known && of_config && keys[2] == "keys") {
        return Some(None);
    }
    Some(match &path[2] {
        Attr::Ident(ident) => UserName::new(ident.syntax().text().to_string()).ok(),
        Attr::Str(name) => at.at(Expr::Str(name.clone())).text().ok().and_then(|name| UserName::new(name).ok()),
        Attr::Dynamic(name) => name.expr().and_then(|name| UserName::new(at.at(name).text().ok()?).ok()),
    })
}
