//! OpNix: `services.onepassword-secrets.secrets`, and its JSON files.

use super::agenix::{grouped, start, unless_set};
use super::declared::{Declared, Kind, Origin};
use super::names::{secret_name, string};
use super::settings::Setting;
use crate::nixfiles::{At, Left, Seen};
use crate::source::Reference;
use rnix::ast::Expr;
use serde::Deserialize;

const OUTPUT: &str = "/var/lib/opnix/secrets";

/// All secrets, and settings that have no equivalent.
pub(super) fn declared<'t>(settings: &[Setting<'t>]) -> (Vec<Declared<'t>>, Vec<Left>) {
    let (mut all, mut left) = (Vec::new(), Vec::new());
    let output =
        settings.iter().find(|setting| setting.path == ["outputDir"]).and_then(|s| s.value.as_ref()?.text().ok());
    let output = output.as_deref().unwrap_or(OUTPUT);
    for ((_, _, name), group) in grouped(settings, "secrets") {
        match secret(&name, &group, output) {
            Ok(found) => all.push(found),
            Err(why) => left.push(why),
        }
    }
    for setting in settings {
        match setting.path[0].as_str() {
            "secrets" | "outputDir" => {}
            "configFiles" => match files(setting, output) {
                Ok((found, more)) => {
                    all.extend(found);
                    left.extend(more);
                }
                Err(why) => left.push(why),
            },
            "tokenFile" | "enable" => left.push(setting.left(
                format!("{} has no equivalent: hosts hold no token", setting.path[0]),
                "remove it; delete the token on the host and in 1Password",
            )),
            other => {
                left.push(setting.left(format!("{other} has no equivalent"), "remove it together with the module"))
            }
        }
    }
    (all, left)
}

fn secret<'t>(name: &str, group: &[&Setting<'t>], output: &str) -> Result<Declared<'t>, Left> {
    let first = group[0];
    let reference = group.iter().find(|setting| setting.path.get(2).is_some_and(|option| option == "reference"));
    let reference = reference.ok_or_else(|| first.left(format!("{name} has no reference"), "set it, or remove it"))?;
    let text = reference.value.as_ref().and_then(|at| at.text().ok());
    let text = text.ok_or_else(|| reference.left("the reference cannot be seen", "write it there in full"))?;
    let parsed = parse(&text).map_err(|why| reference.left(why, "see docs/manifest.md"))?;
    let own = secret_name(name).ok_or_else(|| first.left("the name cannot be one of pkeys", "rename it"))?;
    let mut declared = start(name, group, Kind::Secret(own, Origin::Reference(parsed)));
    for setting in group.iter().filter(|setting| setting.path.len() >= 3) {
        let text = setting.text();
        match (setting.path[2].as_str(), setting.path.len()) {
            ("owner", 3) => declared.options.push(("owner", text)),
            ("group", 3) => declared.options.push(("group", text)),
            ("mode", 3) => declared.options.push(("mode", text)),
            ("symlinks", 3) => declared.options.push(("symlinks", text)),
            ("path", 3) => declared.options.push(("path", absolute(setting, text, output))),
            ("services", 3) => match units(setting) {
                Some(units) => declared.options.push(("restartUnits", units)),
                None => declared.left.push(setting.left("`services` cannot be seen", "set `restartUnits` by hand")),
            },
            ("services", 4) => declared.left.push(setting.left(
                format!("services.{} has no equivalent", setting.path[3]),
                "set `restartUnits` or `reloadUnits` by hand",
            )),
            ("reference" | "kind", 3) => {}
            _ => {
                let why = format!("{} has no equivalent", setting.path[2..].join("."));
                declared.left.push(setting.left(why, "see docs/migration.md"));
            }
        }
    }
    unless_set(&mut declared, "mode", || "\"0600\"".into());
    unless_set(&mut declared, "path", || string(&format!("{output}/{name}")));
    Ok(declared)
}

fn parse(text: &str) -> Result<Reference, String> {
    match Reference::parse(text) {
        Ok(reference @ Reference::Op(_)) => Ok(reference),
        Ok(_) => Err("that is not a reference to 1Password".into()),
        Err(e) => Err(e.message().to_owned()),
    }
}

/// A path below OpNix's directory, where it is not absolute.
fn absolute(setting: &Setting<'_>, text: String, output: &str) -> String {
    match setting.value.as_ref().and_then(|at| at.text().ok()) {
        Some(path) if !path.starts_with('/') => string(&format!("{output}/{path}")),
        _ => text,
    }
}

/// `[ "app" ]` as `[ "app.service" ]`.
fn units(setting: &Setting<'_>) -> Option<String> {
    let at = setting.value.as_ref()?;
    let Ok(Seen::Expr(At { expr: Expr::List(list), .. })) = at.head() else { return None };
    let unit = |name: String| if name.contains('.') { name } else { format!("{name}.service") };
    let names: Option<Vec<_>> = list.items().map(|item| Some(string(&unit(at.at(item).text().ok()?)))).collect();
    Some(format!("[ {} ]", names?.join(" ")))
}

/// OpNix's own JSON.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    secrets: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    reference: String,
    owner: Option<String>,
    group: Option<String>,
    mode: Option<String>,
    #[serde(flatten)]
    other: std::collections::BTreeMap<String, serde_json::Value>,
}

fn files<'t>(setting: &Setting<'t>, output: &str) -> Result<(Vec<Declared<'t>>, Vec<Left>), Left> {
    let at = setting.value.as_ref().ok_or_else(|| setting.left("it has no value", "correct it"))?;
    let Ok(Seen::Expr(At { expr: Expr::List(list), .. })) = at.head() else {
        return Err(setting.left("configFiles cannot be seen", "write the list there in full"));
    };
    let (mut all, mut left) = (Vec::new(), Vec::new());
    for item in list.items() {
        let item = at.at(item);
        let text = item.path().and_then(|path| item.read(&path));
        let text = text.map_err(|why| setting.left(why.why, "name a file in the repository"))?;
        let config: Config = serde_json::from_str(&text)
            .map_err(|_| setting.left("one of the files is not OpNix's JSON", "correct it"))?;
        for entry in config.secrets {
            match of_file(setting, &entry, output) {
                Ok(found) => all.push(found),
                Err(why) => left.push(why),
            }
        }
    }
    Ok((all, left))
}

fn of_file<'t>(setting: &Setting<'t>, entry: &Entry, output: &str) -> Result<Declared<'t>, Left> {
    let own = secret_name(entry.path.trim_start_matches('/'));
    let own = own.ok_or_else(|| setting.left("a path in the file gives no name", "move it by hand"))?;
    let reference = parse(&entry.reference).map_err(|why| setting.left(why, "see docs/manifest.md"))?;
    let mut declared = start(own.as_str(), &[setting], Kind::Secret(own.clone(), Origin::Reference(reference)));
    let path = if entry.path.starts_with('/') { entry.path.clone() } else { format!("{output}/{}", entry.path) };
    declared.options.push(("path", string(&path)));
    for (option, value) in [("owner", &entry.owner), ("group", &entry.group)] {
        declared.options.extend(value.as_ref().map(|value| (option, string(value))));
    }
    declared.options.push(("mode", string(entry.mode.as_deref().unwrap_or("0600"))));
    for name in entry.other.keys() {
        let why = format!("`{name}` of {} has no equivalent", entry.path);
        declared.left.push(setting.left(why, "see docs/migration.md"));
    }
    Ok(declared)
}
