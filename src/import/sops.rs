//! sops-nix: `sops.secrets`, `sops.templates`.

use super::agenix::{group_of_owner, grouped, start, text_of, unless_set};
use super::declared::{Declared, Kind, Origin};
use super::names::{secret_name, string};
use super::settings::Setting;
use crate::nixfiles::Left;
use rnix::SyntaxNode;
use rnix::ast;
use rowan::ast::AstNode;
use std::path::PathBuf;

/// Options that are the same here and there.
const SAME: &[&str] =
    &["owner", "group", "mode", "path", "uid", "gid", "restartUnits", "reloadUnits", "neededForUsers"];

/// All secrets and templates, and settings that have no equivalent.
pub(super) fn declared<'t>(settings: &[Setting<'t>]) -> (Vec<Declared<'t>>, Vec<Left>) {
    let (mut all, mut left) = (Vec::new(), Vec::new());
    for ((_, _, name), group) in grouped(settings, "secrets") {
        match secret(&name, &group, settings) {
            Ok(found) => all.push(found),
            Err(why) => left.push(why),
        }
    }
    for ((_, _, name), group) in grouped(settings, "templates") {
        all.push(template(&name, &group));
    }
    let known = ["secrets", "templates", "defaultSopsFile", "defaultSopsFormat"];
    for setting in settings.iter().filter(|setting| !known.contains(&setting.path[0].as_str())) {
        let next = match setting.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["age", "sshKeyPaths" | "keyFile"] => {
                "set pkeys.identityPaths, if it is not the SSH host key; then remove it"
            }
            _ => "remove it together with the module",
        };
        left.push(setting.left(format!("sops.{} has no equivalent", setting.path.join(".")), next));
    }
    (all, left)
}

fn secret<'t>(name: &str, group: &[&Setting<'t>], settings: &[Setting<'t>]) -> Result<Declared<'t>, Left> {
    let first = group[0];
    let file = own_file(group).unwrap_or_else(|| default_file(first, settings))?;
    let format = text_of(group, "format").or_else(|| default_text(first, settings, "defaultSopsFormat"));
    let key = text_of(group, "key").unwrap_or_else(|| name.into());
    let whole = !matches!(format.as_deref(), None | Some("yaml" | "json")) || key.is_empty();
    let path = if whole { Vec::new() } else { key.split('/').map(str::to_owned).collect() };
    let own = secret_name(name).ok_or_else(|| first.left("the name cannot be one of pkeys", "rename it"))?;
    let mut declared = start(name, group, Kind::Secret(own, Origin::Sops(file, path)));
    options(&mut declared, group, &["sopsFile", "format", "key", "name", "sopsFileHash"]);
    let early = declared.options.iter().any(|(option, value)| *option == "neededForUsers" && value == "true");
    let base = if early { "/run/secrets-for-users" } else { "/run/secrets" };
    let at = text_of(group, "name").unwrap_or_else(|| name.into());
    unless_set(&mut declared, "path", || string(&format!("{base}/{at}")));
    Ok(declared)
}

fn template<'t>(name: &str, group: &[&Setting<'t>]) -> Declared<'t> {
    let mut declared = start(name, group, Kind::Template);
    for setting in group.iter().filter(|setting| setting.path.len() == 3 && setting.path[2] == "content") {
        declared.uses.extend(setting.value.iter().flat_map(|at| placeholders(at.expr.syntax())));
        declared
            .options
            .push(("content", setting.text().replace("config.sops.placeholder", "config.pkeys.placeholder")));
    }
    options(&mut declared, group, &["content", "name"]);
    let at = text_of(group, "name").unwrap_or_else(|| name.into());
    unless_set(&mut declared, "path", || string(&format!("/run/secrets/rendered/{at}")));
    declared
}

/// The names below `config.sops.placeholder` in a text.
fn placeholders(text: &SyntaxNode) -> Vec<Option<String>> {
    let selects = text.descendants().filter_map(ast::Select::cast).filter_map(|select| select.attrpath());
    let names = selects.map(|path| path.attrs().map(|attr| attr.syntax().text().to_string()).collect::<Vec<_>>());
    let of = |names: Vec<String>| match names.as_slice() {
        [sops, placeholder, name] if sops == "sops" && placeholder == "placeholder" => {
            Some((!name.contains("${")).then(|| name.trim_matches('"').to_owned()))
        }
        _ => None,
    };
    names.filter_map(of).collect()
}

fn options(declared: &mut Declared<'_>, group: &[&Setting<'_>], known: &[&str]) {
    for setting in group.iter().filter(|setting| setting.path.len() >= 3) {
        match SAME.iter().find(|same| **same == setting.path[2] && setting.path.len() == 3) {
            Some(same) => declared.options.push((same, setting.text())),
            None if known.contains(&setting.path[2].as_str()) => {}
            None => {
                let why = format!("{} has no equivalent", setting.path[2..].join("."));
                declared.left.push(setting.left(why, "see docs/migration.md"));
            }
        }
    }
    group_of_owner(declared, group);
}

fn own_file(group: &[&Setting<'_>]) -> Option<Result<PathBuf, Left>> {
    let setting = group.iter().find(|setting| setting.path.get(2).is_some_and(|option| option == "sopsFile"))?;
    Some(path_of(setting))
}

fn path_of(setting: &Setting<'_>) -> Result<PathBuf, Left> {
    let value = setting.value.as_ref().ok_or_else(|| setting.left("it has no value", "correct it"))?;
    value.path().map_err(|why| setting.left(format!("its file cannot be seen: {}", why.why), "name it in full"))
}

/// Settings of a name that count on hosts of another one.
fn counting<'s, 't>(first: &Setting<'t>, settings: &'s [Setting<'t>], option: &str) -> Vec<&'s Setting<'t>> {
    let here = |setting: &&Setting<'_>| setting.path == [option] && !setting.hosts.is_disjoint(&first.hosts);
    settings.iter().filter(here).collect()
}

fn default_file(first: &Setting<'_>, settings: &[Setting<'_>]) -> Result<PathBuf, Left> {
    let files = counting(first, settings, "defaultSopsFile").into_iter().map(path_of).collect::<Result<Vec<_>, _>>()?;
    match files.as_slice() {
        [] => {
            Err(first
                .left("it has no sopsFile, and sops.defaultSopsFile cannot be seen", "set `sopsFile` of the secret"))
        }
        [one, rest @ ..] if rest.iter().all(|other| other == one) => Ok(one.clone()),
        _ => Err(first.left(
            "its value differs from host to host, by sops.defaultSopsFile",
            "declare it once for each host, under a name of its own",
        )),
    }
}

fn default_text(first: &Setting<'_>, settings: &[Setting<'_>], option: &str) -> Option<String> {
    counting(first, settings, option).first()?.value.as_ref()?.text().ok()
}
