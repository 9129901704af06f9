//! Which hosts use which files, as far as the files themselves say.
//!
//! A host's own files are those that name it: `networking.hostName`, its entry in `nixosConfigurations` or in a hive, or a
//! file or folder of its name. From there every path that stands in a file is followed.

use super::place::{Part, place_of};
use super::syntax::{binding_path, inside, range};
use super::tree::{NixFile, Tree};
use super::value::{At, Seen};
use crate::base::HostName;
use rnix::SyntaxNode;
use rnix::ast::{self, Expr, HasEntry};
use rowan::ast::AstNode;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Default)]
pub struct Uses {
    /// Given by the operator: then nothing else counts.
    given: Option<BTreeSet<HostName>>,
    enrolled: BTreeSet<HostName>,
    by_file: BTreeMap<PathBuf, BTreeSet<HostName>>,
    entries: Vec<(PathBuf, Range<usize>, HostName)>,
}

impl Uses {
    /// Looks through all files. `enrolled` are the hosts that pkeys knows, `given` those that the operator named.
    pub fn new<'h>(tree: &Tree, enrolled: impl Iterator<Item = &'h HostName>, given: &[HostName]) -> Self {
        let enrolled: BTreeSet<_> = enrolled.cloned().collect();
        let given = (!given.is_empty()).then(|| given.iter().cloned().collect());
        let mut uses = Self { given, enrolled, ..Self::default() };
        let mut walks = Walks { tree, by_host: BTreeMap::new() };
        for file in tree.files() {
            for host in uses.named_by_path(&file.path) {
                walks.of(&host).file(file);
            }
            if file.text.contains("hostName") || file.text.contains("nixosConfigurations") || is_hive(file) {
                uses.roots(&mut walks, file);
            }
        }
        for (host, walk) in walks.by_host {
            for path in walk.files {
                uses.by_file.entry(path).or_default().insert(host.clone());
            }
        }
        uses
    }

    /// The hosts of a whole file.
    pub fn of_file(&self, path: &Path) -> BTreeSet<HostName> {
        self.given.clone().or_else(|| self.by_file.get(path).cloned()).unwrap_or_default()
    }

    /// The hosts for which a node in a file counts, given what stands in front of the option's path; `None` when it is
    /// not of the host itself.
    pub fn of_module(&self, file: &NixFile, node: &SyntaxNode, prefix: &[Part]) -> Option<BTreeSet<HostName>> {
        let names: Vec<_> = prefix.iter().map(Part::name).collect::<Option<_>>()?;
        let names = names.strip_suffix(&["config"]).unwrap_or(&names);
        let of_host = match names {
            [] | [.., "nixosModules", _] | [.., "modules", "nixos", _] => None,
            [.., "nixosConfigurations", name] => Some(*name),
            [.., name] if is_hive(file) && self.enrolled.contains(*name) => Some(*name),
            _ => return None,
        };
        if let Some(given) = &self.given {
            return Some(given.clone());
        }
        if let Some(host) = of_host.and_then(|name| HostName::new(name).ok()) {
            return Some(BTreeSet::from([host]));
        }
        let here = range(node);
        let inside = |(path, range, _): &&(PathBuf, Range<usize>, HostName)| {
            *path == file.path && range.start <= here.start && here.end <= range.end
        };
        let own: BTreeSet<_> = self.entries.iter().filter(inside).map(|(_, _, host)| host.clone()).collect();
        Some(if own.is_empty() { self.of_file(&file.path) } else { own })
    }

    fn named_by_path(&self, path: &Path) -> Vec<HostName> {
        let stem = path.with_extension("");
        let named = |host: &&HostName| stem.iter().any(|part| part == host.as_str());
        self.enrolled.iter().filter(named).cloned().collect()
    }

    fn roots<'t>(&mut self, walks: &mut Walks<'t>, file: &'t NixFile) {
        for node in file.syntax().descendants() {
            let Some(binding) = ast::AttrpathValue::cast(node.clone()) else { continue };
            let Some(value) = binding.value() else { continue };
            let names: Vec<_> = binding_path(&binding).iter().map(|attr| attr.syntax().text().to_string()).collect();
            let names: Vec<_> = names.iter().map(|name| name.trim_matches('"')).collect();
            if names.last() == Some(&"hostName") && is_own_name(&node) {
                let text = At::new(walks.tree, file, value).text().ok();
                if let Some(host) = text.and_then(|name| HostName::new(name).ok()) {
                    walks.of(&host).file(file);
                }
            } else if let Some(at) = names.iter().position(|name| *name == "nixosConfigurations" || *name == "colmena")
            {
                self.configurations(walks, file, names.get(at + 1).copied(), &value);
            }
        }
        if let (true, Some(hive @ Expr::AttrSet(_))) = (is_hive(file), file.expression()) {
            self.configurations(walks, file, None, &hive);
        }
    }

    /// The value of `nixosConfigurations`, or of one name in it.
    fn configurations<'t>(&mut self, walks: &mut Walks<'t>, file: &'t NixFile, name: Option<&str>, value: &Expr) {
        let entries: Vec<_> = match (name, inside(value.clone())) {
            (Some(name), _) => vec![(name.to_owned(), value.clone())],
            (None, Expr::AttrSet(set)) => set
                .attrpath_values()
                .filter_map(|entry| {
                    let name = binding_path(&entry).first()?.syntax().text().to_string();
                    Some((name.trim_matches('"').to_owned(), entry.value()?))
                })
                .collect(),
            // A function makes them: what it names is for all hosts.
            (None, _) => {
                return self.enrolled.iter().for_each(|host| walks.of(host).node(file, value.syntax().clone()));
            }
        };
        for (name, value) in entries.into_iter().filter(|(name, _)| !["meta", "defaults"].contains(&name.as_str())) {
            let Ok(host) = HostName::new(name) else { continue };
            walks.of(&host).node(file, value.syntax().clone());
            self.entries.push((file.path.clone(), range(value.syntax()), host));
        }
    }
}

fn is_hive(file: &NixFile) -> bool {
    file.path.file_name().is_some_and(|name| name == "hive.nix")
}

/// Whether a binding is the host's own `networking.hostName`.
fn is_own_name(node: &SyntaxNode) -> bool {
    let place = place_of(node);
    let names: Vec<_> = place.path.iter().map(Part::name).collect();
    let names = names.strip_prefix(&[Some("config")]).unwrap_or(&names);
    place.broken.is_none() && names == [Some("networking"), Some("hostName")]
}

/// One walk for each host: where it starts twice, it goes no way twice.
struct Walks<'t> {
    tree: &'t Tree,
    by_host: BTreeMap<HostName, Walk<'t>>,
}

impl<'t> Walks<'t> {
    fn of(&mut self, host: &HostName) -> &mut Walk<'t> {
        let tree = self.tree;
        self.by_host.entry(host.clone()).or_insert_with(|| Walk {
            tree,
            seen: BTreeSet::new(),
            files: BTreeSet::new(),
            todo: Vec::new(),
        })
    }
}

/// Follows paths and names. What is still to do is a list: a chain of files may be longer than a stack is deep.
struct Walk<'t> {
    tree: &'t Tree,
    seen: BTreeSet<(PathBuf, usize, usize)>,
    files: BTreeSet<PathBuf>,
    todo: Vec<(&'t NixFile, SyntaxNode)>,
}

impl<'t> Walk<'t> {
    fn file(&mut self, file: &'t NixFile) {
        self.add_file(file);
        self.go();
    }

    fn node(&mut self, file: &'t NixFile, node: SyntaxNode) {
        self.todo.push((file, node));
        self.go();
    }

    fn add_file(&mut self, file: &'t NixFile) {
        if self.files.insert(file.path.clone()) {
            self.todo.push((file, file.syntax().clone()));
        }
    }

    fn go(&mut self) {
        while let Some((file, node)) = self.todo.pop() {
            let here = range(&node);
            if self.seen.insert((file.path.clone(), here.start, here.end)) {
                self.look(file, &node);
            }
        }
    }

    fn look(&mut self, file: &'t NixFile, node: &SyntaxNode) {
        for node in node.descendants() {
            let Some(expr) = Expr::cast(node.clone()) else { continue };
            let is_name = node
                .parent()
                .is_some_and(|above| ast::Attrpath::can_cast(above.kind()) || ast::PatEntry::can_cast(above.kind()));
            let at = At::new(self.tree, file, expr);
            match &at.expr {
                Expr::Ident(_) if is_name => {}
                Expr::Ident(_) => match at.head() {
                    Ok(Seen::Expr(found)) => self.todo.push((found.file, found.expr.syntax().clone())),
                    Ok(Seen::Set(set)) => {
                        let (file, node) = set.literal();
                        self.todo.extend(node.map(|node| (file, node.clone())));
                    }
                    Err(_) => {}
                },
                Expr::PathRel(_) | Expr::Str(_) | Expr::BinOp(_) => {
                    if let Some(file) = at.path().ok().and_then(|path| self.tree.imported(&path)) {
                        self.add_file(file);
                    }
                }
                _ => {}
            }
        }
    }
}
