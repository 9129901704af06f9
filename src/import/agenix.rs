//! agenix and agenix-rekey: `age.secrets.NAME` with `file` or `rekeyFile`.

use super::declared::{Declared, Kind, Origin};
use super::names::{secret_name, string};
use super::settings::Setting;
use crate::nixfiles::Left;
use std::collections::BTreeMap;

/// Groups settings by file, set and name of the secret.
pub(super) type Groups<'s, 't> = BTreeMap<(std::path::PathBuf, usize, String), Vec<&'s Setting<'t>>>;

/// Groups what is below `secrets` (or `templates`); the rest is given back.
pub(super) fn grouped<'s, 't>(settings: &'s [Setting<'t>], what: &str) -> Groups<'s, 't> {
    let mut groups: Groups<'s, 't> = BTreeMap::new();
    for setting in settings.iter().filter(|setting| setting.path.len() >= 2 && setting.path[0] == what) {
        let key = (setting.file.path.clone(), setting.anchor.start, setting.path[1].clone());
        groups.entry(key).or_default().push(setting);
    }
    groups
}

/// A declaration without its options.
pub(super) fn start<'t>(name: &str, settings: &[&Setting<'t>], kind: Kind) -> Declared<'t> {
    let first = settings[0];
    Declared {
        kind,
        attribute: name.into(),
        file: first.file,
        line: first.line,
        anchor: first.anchor.clone(),
        top: first.top.clone(),
        nodes: settings.iter().map(|setting| setting.node.clone()).collect(),
        hosts: first.hosts.clone(),
        uses: Vec::new(),
        options: Vec::new(),
        left: Vec::new(),
    }
}

/// The text of a literal string option.
pub(super) fn text_of(settings: &[&Setting<'_>], option: &str) -> Option<String> {
    let found = settings.iter().find(|setting| setting.path.get(2).is_some_and(|name| name == option))?;
    found.value.as_ref()?.text().ok()
}

/// A value of the module's own for an option that has none.
pub(super) fn unless_set(declared: &mut Declared<'_>, option: &'static str, value: impl FnOnce() -> String) {
    if !declared.options.iter().any(|(name, _)| *name == option) {
        declared.options.push((option, value()));
    }
}

/// The group that others give a file by default, where somebody could see the difference: that of its owner.
pub(super) fn group_of_owner(declared: &mut Declared<'_>, settings: &[&Setting<'_>]) {
    let owner = declared.options.iter().find(|(name, _)| *name == "owner").map(|(_, value)| value.clone());
    let group = declared.options.iter().any(|(name, _)| *name == "group");
    let mode = text_of(settings, "mode");
    let private = mode.as_deref().is_none_or(|mode| mode.len() >= 2 && mode.as_bytes()[mode.len() - 2] == b'0');
    let (Some(owner), false, false) = (owner, group, private) else { return };
    let why = format!("the group was that of the owner, {owner}, and its members can read the file");
    let next = "set `group` of the secret";
    declared.left.push(settings[0].left(why, next));
}

/// All secrets, and settings that have no equivalent.
pub(super) fn declared<'t>(settings: &[Setting<'t>], rekey: bool) -> (Vec<Declared<'t>>, Vec<Left>) {
    let (mut all, mut left) = (Vec::new(), Vec::new());
    let base =
        settings.iter().find(|setting| setting.path == ["secretsDir"]).and_then(|s| s.value.as_ref()?.text().ok());
    let base = base.unwrap_or_else(|| "/run/agenix".into());
    for ((_, _, name), group) in grouped(settings, "secrets") {
        match secret(&name, &group, rekey, &base) {
            Ok(found) => all.extend(found),
            Err(why) => left.push(why),
        }
    }
    for setting in settings.iter().filter(|setting| setting.path[0] != "secrets") {
        let next = match setting.path[0].as_str() {
            "identityPaths" => "set pkeys.identityPaths, if it is not the SSH host key; then remove it",
            _ => "remove it together with the module",
        };
        left.push(setting.left(format!("age.{} has no equivalent", setting.path.join(".")), next));
    }
    (all, left)
}

fn secret<'t>(name: &str, settings: &[&Setting<'t>], rekey: bool, base: &str) -> Result<Option<Declared<'t>>, Left> {
    let source = if rekey { "rekeyFile" } else { "file" };
    let file = settings.iter().find(|setting| setting.path.get(2).is_some_and(|option| option == source));
    let Some(file) = file else {
        let other = settings.iter().any(|setting| setting.path.get(2).is_some_and(|o| o == "file" || o == "rekeyFile"));
        let why = format!("age.secrets.{name} has no `{source}`");
        let next =
            if other { "import it with the other of agenix and agenix-rekey" } else { "set it, or move it by hand" };
        return Err(settings[0].left(why, next));
    };
    let value = file.value.as_ref().ok_or_else(|| file.left("it has no value", "correct it"))?;
    let path =
        value.path().map_err(|why| file.left(format!("its file cannot be seen: {}", why.why), "name it in full"))?;
    let own = secret_name(name).ok_or_else(|| settings[0].left("the name cannot be one of pkeys", "rename it"))?;
    let mut declared = start(name, settings, Kind::Secret(own, Origin::Age(path)));
    for setting in settings.iter().filter(|setting| setting.path.len() == 3) {
        let text = setting.text();
        match setting.path[2].as_str() {
            "owner" => declared.options.push(("owner", text)),
            "group" => declared.options.push(("group", text)),
            "mode" => declared.options.push(("mode", text)),
            "path" => declared.options.push(("path", text)),
            "file" | "rekeyFile" | "name" => {}
            "symlink" if text == "true" => {}
            "symlink" => declared.left.push(setting.left(
                "symlink = false has no equivalent: the path becomes a link into memory",
                "check that what reads it follows links",
            )),
            other => declared.left.push(setting.left(format!("{other} has no equivalent"), "see docs/migration.md")),
        }
    }
    for setting in settings.iter().filter(|setting| setting.path.len() > 3) {
        declared
            .left
            .push(setting.left(format!("{} has no equivalent", setting.path[2..].join(".")), "see docs/migration.md"));
    }
    group_of_owner(&mut declared, settings);
    let at = text_of(settings, "name").unwrap_or_else(|| name.into());
    unless_set(&mut declared, "path", || string(&format!("{base}/{at}")));
    Ok(Some(declared))
}
