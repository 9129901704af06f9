//! What will be in `pkeys.toml`, which values are to be stored, and what the module is told.

use super::declared::{Declared, Kind, Origin, Tool};
use super::names::attribute;
use super::rewrite::{lines, rewrite};
use super::settings::settings;
use super::{agenix, opnix, sops};
use crate::base::{HostName, Result, SecretName};
use crate::manifest::{Manifest, Repository};
use crate::nixfiles::{Changed, Left, Tree, Uses};
use crate::source::Reference;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A secret that is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its name in `pkeys.toml`.
    pub name: SecretName,
    /// Where its value comes from.
    pub origin: Origin,
    /// Who gets it.
    pub hosts: BTreeSet<HostName>,
    /// Where it is declared: files and lines.
    pub from: BTreeSet<(PathBuf, usize)>,
}

impl Taken {
    /// What `from` of `pkeys.toml` will say.
    pub fn reference(&self) -> Reference {
        match &self.origin {
            Origin::Reference(reference) => reference.clone(),
            Origin::Age(_) | Origin::Sops(..) => Reference::Age(self.name.clone()),
        }
    }
}

/// All that would be done. Nothing is written by making it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The secrets, by name.
    pub taken: Vec<Taken>,
    /// The module's lines that replace those of the other tool, by file.
    pub lines: Vec<(PathBuf, String)>,
    /// The files with these lines in place of the old ones.
    pub changed: Vec<Changed>,
    /// What is left for a person.
    pub left: Vec<Left>,
}

/// Plans to take over what a tool is told in the Nix files of a repository. `hosts` says which hosts use these files;
/// without it the files are asked.
///
/// # Errors
/// When the repository cannot be read.
pub fn import(repository: &Repository, tool: Tool, hosts: &[HostName]) -> Result<Import> {
    let (tree, unread) = Tree::read(repository.root())?;
    Ok(of_tree(&tree, unread, repository.manifest(), tool, hosts))
}

/// The same of files that were read; `left` are those that could not be.
pub(super) fn of_tree(tree: &Tree, mut left: Vec<Left>, manifest: &Manifest, tool: Tool, hosts: &[HostName]) -> Import {
    let uses = Uses::new(tree, manifest.hosts.keys(), hosts);
    let (settings, unclear) = settings(tree, &uses, tool.prefix());
    let (declared, more) = match tool {
        Tool::Opnix => opnix::declared(&settings),
        Tool::SopsNix => sops::declared(&settings),
        Tool::Agenix => agenix::declared(&settings, false),
        Tool::AgenixRekey => agenix::declared(&settings, true),
    };
    left.extend(unclear.into_iter().chain(more));
    let (mut kept, mut taken) = (Vec::new(), BTreeMap::new());
    // Templates after the secrets that they name.
    let (templates, secrets): (Vec<_>, Vec<_>) = declared.into_iter().partition(|one| one.kind == Kind::Template);
    for mut one in secrets.into_iter().chain(templates) {
        let stays = of_hosts(&one, manifest).or_else(|| enter(&mut taken, &mut one, manifest));
        match stays.or_else(|| of_uses(&one, &kept)) {
            Some(why) => left.push(why),
            None => {
                left.append(&mut one.left);
                kept.push(one);
            }
        }
    }
    let (changed, unread) = rewrite(tree, tool, &settings, &kept);
    left.extend(unread);
    left.sort();
    left.dedup();
    Import { taken: taken.into_values().collect(), lines: lines(&kept), changed, left }
}

/// Why a declaration cannot be taken over, as far as its hosts go.
fn of_hosts(one: &Declared<'_>, manifest: &Manifest) -> Option<Left> {
    let leave = |why: String, next: String| {
        let why = format!("{} stays: {why}", one.attribute);
        Some(Left::new(one.file.path.clone(), Some(one.line), why, next))
    };
    if one.hosts.is_empty() {
        return leave("it cannot be seen which hosts use this file".into(), "say which: --host NAME".into());
    }
    let unknown = one.hosts.iter().find(|host| !manifest.hosts.contains_key(*host))?;
    leave(
        format!("it is used by {unknown} too, which is not in pkeys.toml"),
        format!("`pkeys host add {unknown} --scan ADDRESS` first; or say which hosts: --host NAME"),
    )
}

/// Why a template cannot be taken over: a secret that it names is not.
fn of_uses(one: &Declared<'_>, kept: &[Declared<'_>]) -> Option<Left> {
    let moves = |name: &str| {
        let same = |other: &&Declared<'_>| other.attribute == name && other.kind != Kind::Template;
        let hosts: BTreeSet<_> = kept.iter().filter(same).flat_map(|other| &other.hosts).collect();
        one.hosts.iter().all(|host| hosts.contains(host))
    };
    let stays = one.uses.iter().find(|name| name.as_deref().is_none_or(|name| !moves(name)))?;
    let why = match stays {
        Some(name) => format!("{} stays: it uses the secret {name}, which stays", one.attribute),
        None => format!("{} stays: it uses a secret whose name is computed", one.attribute),
    };
    Some(Left::new(one.file.path.clone(), Some(one.line), why, "move them together by hand"))
}

/// Enters a secret beside those that were found before; why not, if it cannot be.
fn enter(taken: &mut BTreeMap<SecretName, Taken>, one: &mut Declared<'_>, manifest: &Manifest) -> Option<Left> {
    let Kind::Secret(name, origin) = &one.kind else { return None };
    let leave = |why: &str, next: &str| {
        let why = format!("{} stays: {why}", one.attribute);
        Some(Left::new(one.file.path.clone(), Some(one.line), why, next))
    };
    let new = Taken {
        name: name.clone(),
        origin: origin.clone(),
        hosts: one.hosts.clone(),
        from: BTreeSet::from([(one.file.path.clone(), one.line)]),
    };
    if manifest.secrets.get(name).is_some_and(|known| known.from != new.reference()) {
        return leave("pkeys.toml has another secret of this name", "rename one of them");
    }
    if let Some(known) = taken.get_mut(name) {
        if known.origin != new.origin {
            return leave("another secret of this name has another value", "give it a name of its own");
        }
        known.hosts.extend(new.hosts);
        known.from.extend(new.from);
    } else {
        taken.insert(name.clone(), new);
    }
    if one.attribute != name.as_str() {
        one.options.push(("name", super::names::string(name.as_str())));
    }
    None
}

impl Declared<'_> {
    /// The module's statement for it, indented.
    pub(super) fn statement(&self, indent: &str, end: &str) -> String {
        let set = match self.kind {
            Kind::Secret(..) => "secrets",
            Kind::Template => "templates",
        };
        if let [(name, value)] = self.options.as_slice() {
            return format!("pkeys.{set}.{}.{name} = {value};", attribute(&self.attribute));
        }
        let options: String =
            self.options.iter().map(|(name, value)| format!("{indent}  {name} = {value};{end}")).collect();
        format!("pkeys.{set}.{} = {{{end}{options}{indent}}};", attribute(&self.attribute))
    }
}
