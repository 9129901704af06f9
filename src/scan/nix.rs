//! Secrets as literals in Nix: by the syntax tree, so that comments and strings in strings are not taken for them.

use crate::base::SecretBytes;
use crate::nixfiles::too_deep;
use crate::scan::found::Found;
use crate::scan::kind::{NIX_HASH, NIX_PASSWORD, NIX_SECRET};
use crate::scan::literal::{is_hash, is_placeholder, is_random, is_reference};
use regex::Regex;
use rnix::SyntaxKind as S;
use rnix::ast::{self, Attr, Expr, InterpolPart};
use rowan::ast::AstNode;
use std::sync::LazyLock;

/// rnix and rowan call themselves for each level; a file made to be deep must not end the program.
const MAX_DEPTH: usize = 400;

/// What every name that is looked for ends in, with what may stand between it and its value. Most files have none, and
/// need not be parsed.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:passw(?:or)?d|passphrase|hash|psk|raw|token|secret|key)"?(?:\s*=|\s*/\*|\s*#)"#)
        .expect("right")
});

/// The literals in a Nix text. `None` when it is nested too deeply to be read.
pub(super) fn find(text: &str) -> Option<Vec<Found>> {
    if !NAMES.is_match(text) {
        return Some(Vec::new());
    }
    if too_deep(text, MAX_DEPTH, MAX_DEPTH).is_some() {
        return None;
    }
    let root = rnix::Root::parse(text).tree();
    let mut found = Vec::new();
    for entry in root.syntax().descendants().filter_map(ast::AttrpathValue::cast) {
        let (Some(path), Some(value)) = (entry.attrpath(), entry.value()) else { continue };
        let Some(name) = path.attrs().last().and_then(|last| name(&last)) else { continue };
        found.extend(literals(value).into_iter().filter_map(|literal| judge(&name, &literal)));
    }
    Some(found)
}

fn name(attr: &Attr) -> Option<String> {
    match attr {
        Attr::Ident(ident) => Some(ident.ident_token()?.text().to_owned()),
        Attr::Str(text) => plain(text),
        Attr::Dynamic(_) => None,
    }
}

/// A string without an interpolation. In a text that does not parse rnix may have put anything into it, and then panics
/// when asked for its parts.
fn plain(text: &ast::Str) -> Option<String> {
    let of_string = [S::TOKEN_STRING_START, S::TOKEN_STRING_CONTENT, S::TOKEN_STRING_END, S::NODE_INTERPOL];
    if !text.syntax().children_with_tokens().all(|part| of_string.contains(&part.kind())) {
        return None;
    }
    match &text.normalized_parts()[..] {
        [InterpolPart::Literal(one)] => Some(one.clone()),
        _ => None,
    }
}

/// The strings that a value may come to.
fn literals(value: Expr) -> Vec<ast::Str> {
    let (mut strings, mut todo) = (Vec::new(), vec![value]);
    while let Some(value) = todo.pop() {
        match value {
            Expr::Str(text) => strings.push(text),
            Expr::Paren(inner) => todo.extend(inner.expr()),
            Expr::With(with) => todo.extend(with.body()),
            Expr::Assert(assert) => todo.extend(assert.body()),
            Expr::LetIn(body) => todo.extend(body.body()),
            Expr::IfElse(either) => todo.extend(either.body().into_iter().chain(either.else_body())),
            // mkDefault, mkForce, mkIf and their like pass on what they are given last.
            Expr::Apply(call) if is_wrapper(&call) => todo.extend(call.argument()),
            _ => {}
        }
    }
    strings
}

fn is_wrapper(call: &ast::Apply) -> bool {
    let mut function = call.lambda();
    while let Some(Expr::Apply(inner)) = function {
        function = inner.lambda();
    }
    function.is_some_and(|function| {
        let name = function.syntax().text().to_string();
        ["mkDefault", "mkForce", "mkIf", "mkOverride", "mkVMOverride", "mkBefore", "mkAfter"]
            .contains(&name.rsplit('.').next().unwrap_or_default().trim())
    })
}

fn judge(name: &str, literal: &ast::Str) -> Option<Found> {
    let value = SecretBytes::from(plain(literal)?);
    let text = value.expose_str()?.trim();
    if is_reference(text) {
        return None;
    }
    let range = literal.syntax().text_range();
    let quote = if literal.syntax().text().char_at(0.into()) == Some('"') { 1 } else { 2 };
    let span = usize::from(range.start()) + quote..usize::from(range.end()).saturating_sub(quote);
    let short: String = name.chars().filter(|c| !"-_".contains(*c)).collect::<String>().to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| short.ends_with(end));
    // "!" and "*" lock an account; so does a hash with either in front.
    if ends(&["password", "passwd", "passphrase", "passwordhash", "psk", "pskraw"]) {
        if text.starts_with(['!', '*']) {
            return None;
        }
        if is_hash(text) || short.contains("hash") {
            return Some(hash(span, text));
        }
        let exact = matches!(&*short, "password" | "initialpassword" | "passwd" | "passphrase" | "psk");
        // Of other names, such as `forgotPassword`, a sentence is likelier a text than a secret.
        let word =
            ["true", "false", "yes", "no", "none", "null", "required", "optional", "sufficient", "prompt", "ask"];
        let good = !word.contains(&text) && (exact || !text.contains(char::is_whitespace));
        return good.then(|| Found::guessable(&NIX_PASSWORD, span, text.as_bytes(), name));
    }
    let secret =
        ["token", "secret", "apikey", "secretkey", "accesskey", "authkey", "privatekey", "presharedkey", "psk"];
    let found = ends(&secret) && is_random(text) && !is_placeholder(text) && !ends(&["publickey"]);
    found.then(|| Found::prefixed(&NIX_SECRET, span, text.as_bytes(), &format!("{name} = ")))
}

/// A hash is shown by its scheme, such as `$6$`, alone.
fn hash(span: std::ops::Range<usize>, text: &str) -> Found {
    let scheme = text.strip_prefix('$').and_then(|rest| rest.split_once('$')).map(|(id, _)| format!("${id}$"));
    Found::prefixed(&NIX_HASH, span, text.as_bytes(), &scheme.filter(|_| is_hash(text)).unwrap_or_default())
}

#[cfg(test)]
#[path = "nix_tests.rs"]
mod tests;
