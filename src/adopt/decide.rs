//! What can be taken over so that every user of every host keeps the same keys.
//!
//! A decision may forbid another one: keys that are read elsewhere must stay, and so must what overrides them. The rules are
//! gone through until none changes anything more; they only ever leave more alone.

use super::definition::{Condition, Definition, Item, Kind};
use super::readers::Reader;
use super::sites::met;
use crate::base::{HostName, KeyLabel, UserName};
use crate::keys::{AuthorizedLine, UserKeys};
use crate::manifest::Manifest;
use crate::nixfiles::{Left, NixFile, Uses, range};
use rowan::ast::AstNode;
use std::collections::BTreeSet;
use std::ops::Range;

const BY_HAND: &str = "move them by hand: `pkeys key add USER LABEL --public KEY`";

/// A key that is taken over.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub user: UserName,
    pub label: KeyLabel,
    pub line: AuthorizedLine,
    pub hosts: BTreeSet<HostName>,
    pub from: BTreeSet<(std::path::PathBuf, usize)>,
}

/// Everything that decisions depend on.
pub(super) struct Decider<'a, 't> {
    pub definitions: Vec<Definition<'t>>,
    pub readers: Vec<Reader<'t>>,
    pub uses: &'a Uses,
    pub manifest: &'a Manifest,
    pub keys: &'a UserKeys,
}

impl Decider<'_, '_> {
    /// Decides, and gives what is taken over.
    pub fn decide(&mut self) -> Vec<Found> {
        self.definitions.iter_mut().for_each(|definition| by_itself(definition, self.manifest));
        loop {
            let labels = self.labels();
            if !(self.read_elsewhere() | self.of_others() | self.overridden() | labels.is_err()) {
                return self.found(&labels.unwrap_or_default());
            }
        }
    }

    fn on<'s>(&'s self, user: &'s UserName, host: &'s HostName) -> impl Iterator<Item = usize> + 's {
        let here = move |definition: &Definition<'_>| {
            definition.user == *user && (definition.hosts.is_empty() || definition.hosts.contains(host))
        };
        (0..self.definitions.len()).filter(move |at| here(&self.definitions[*at]))
    }

    fn leave(&mut self, which: Vec<usize>, why: &str, next: &str) -> bool {
        which.into_iter().fold(false, |changed, at| self.definitions[at].leave(why, next) | changed)
    }

    /// Keys that the configuration reads again, such as for the initrd.
    fn read_elsewhere(&mut self) -> bool {
        let mut changed = false;
        for reader in self.readers.clone() {
            if self.is_followed(&reader) {
                continue;
            }
            let hosts = self.uses.of_file(&reader.file.path);
            let read = |definition: &Definition<'_>| {
                let same = reader.user.as_ref().is_none_or(|user| *user == definition.user);
                same && (hosts.is_empty() || !hosts.is_disjoint(&definition.hosts))
            };
            let which = (0..self.definitions.len()).filter(|at| read(&self.definitions[*at])).collect();
            let place = format!("{}:{}", reader.file.path.display(), reader.line);
            let why = format!("the configuration reads these keys again at {place}, and would find none");
            let next = if reader.by_default {
                "set boot.initrd.network.ssh.authorizedKeys there".to_owned()
            } else {
                format!("write the keys at {place} in full first, or let it read something else")
            };
            changed |= self.leave(which, &why, &next);
        }
        changed
    }

    /// Whether a place that reads keys is itself a definition of keys, and goes.
    fn is_followed(&self, reader: &Reader<'_>) -> bool {
        self.definitions.iter().filter(|definition| definition.file.path == reader.file.path).any(|definition| {
            let binding = range(&definition.binding);
            let within = binding.start <= reader.range.start && reader.range.end <= binding.end;
            let mut taken = definition.taken().flat_map(|piece| &piece.items);
            within && taken.any(|item| matches!(&item.kind, Kind::Of(user) if Some(user) == reader.user.as_ref()))
        })
    }

    /// Keys of another user can go where all of that user's go.
    fn of_others(&mut self) -> bool {
        let mut changed = false;
        for at in 0..self.definitions.len() {
            for piece in 0..self.definitions[at].pieces.len() {
                let definition = &self.definitions[at];
                if definition.left.is_some() || definition.pieces[piece].stays {
                    continue;
                }
                let kept = definition.pieces[piece].items.iter().position(|item| match &item.kind {
                    Kind::Of(user) => {
                        let somewhere = self.definitions.iter().any(|other| other.user == *user);
                        let whole = |host| self.on(user, host).all(|other| self.definitions[other].is_whole());
                        !somewhere || !definition.hosts.iter().all(whole)
                    }
                    _ => false,
                });
                if let Some(item) = kept {
                    let item = &mut self.definitions[at].pieces[piece].items[item];
                    let Kind::Of(user) = &item.kind else { continue };
                    item.kind = Kind::Unseen(left(item, format!("the keys of {user} are not all taken over"), BY_HAND));
                    self.definitions[at].keep(piece);
                    changed = true;
                }
            }
        }
        changed
    }

    /// Where one definition overrides others, all of them go or none; and none where nothing would remain.
    fn overridden(&mut self) -> bool {
        let users: BTreeSet<_> = self.definitions.iter().map(|definition| definition.user.clone()).collect();
        let mut changed = false;
        for (user, host) in users.iter().flat_map(|user| self.manifest.hosts.keys().map(move |host| (user, host))) {
            let here: Vec<_> = self.on(user, host).collect();
            let plain = |at: &usize| self.definitions[*at].pieces.iter().all(|piece| piece.priority == 100);
            if !here.iter().all(plain) && !here.iter().all(|at| self.definitions[*at].is_whole()) {
                let why =
                    format!("one definition of {user}'s keys overrides others, and not all of them can be taken over");
                changed |= self.leave(here, &why, BY_HAND);
            } else if self.definitions_say(&here, host) && self.effective(user, host, 0).is_empty() {
                let why = format!("{user} has no key on {host} in the end");
                changed |= self.leave(here, &why, "remove the definition by hand, or add a key first");
            }
        }
        changed
    }

    /// Whether something that is taken over counts on a host.
    fn definitions_say(&self, here: &[usize], host: &HostName) -> bool {
        let host = BTreeSet::from([host.clone()]);
        let counts = |item: &Item<'_>| met(&item.conditions, &host).is_some_and(|met| !met.is_empty());
        here.iter().any(|at| self.definitions[*at].taken().flat_map(|piece| &piece.items).any(counts))
    }

    /// The keys of a user on a host that are taken over, by definition and item.
    pub(super) fn effective(&self, user: &UserName, host: &HostName, depth: usize) -> Vec<(AuthorizedLine, &Item<'_>)> {
        let only = BTreeSet::from([host.clone()]);
        let here: Vec<_> = self.on(user, host).collect();
        let pieces = || here.iter().flat_map(|at| &self.definitions[*at].pieces);
        let counts = |item: &Item<'_>| met(&item.conditions, &only).is_some_and(|met| !met.is_empty());
        let active = pieces().filter(|piece| piece.items.is_empty() || piece.items.iter().any(counts));
        let highest = active.map(|piece| piece.priority).min().unwrap_or(100);
        let mut all = Vec::new();
        for piece in here.iter().flat_map(|at| self.definitions[*at].taken()).filter(|p| p.priority == highest) {
            for item in piece.items.iter().filter(|item| counts(item)) {
                match &item.kind {
                    Kind::Key(line) => all.push(((**line).clone(), item)),
                    Kind::Of(other) if depth < 8 => all.extend(self.effective(other, host, depth + 1)),
                    _ => {}
                }
            }
        }
        all
    }
}

/// What can be said of a definition alone.
fn by_itself(definition: &mut Definition<'_>, manifest: &Manifest) {
    if definition.hosts.is_empty() {
        let next = format!("say which: `pkeys adopt {} --host NAME`", definition.file.path.display());
        definition.leave("it cannot be seen which hosts use this file", next);
    } else if let Some(host) = definition.hosts.iter().find(|host| !manifest.hosts.contains_key(*host)).cloned() {
        let why = format!("it is used by {host} too, which is not in pkeys.toml");
        definition.leave(why, format!("`pkeys host add {host} --scan ADDRESS` first; or say which hosts: --host NAME"));
    }
    let (file, binding) = (definition.file, range(&definition.binding));
    for piece in 0..definition.pieces.len() {
        for item in &mut definition.pieces[piece].items {
            let met = met(&item.conditions, &definition.hosts);
            if met.as_ref().is_some_and(|hosts| hosts.is_empty() && !definition.hosts.is_empty()) {
                // It would go from the file, and be in keys.toml for nobody.
                item.kind = Kind::Unseen(left(item, "they count on none of the hosts that use this file", BY_HAND));
            } else if met.is_none() && !matches!(item.kind, Kind::Unseen(_)) {
                let texts: Vec<_> = item.conditions.iter().map(Condition::text).collect();
                let why =
                    format!("whether they count depends on {}, which only Nix can say", one_line(&texts.join(", ")));
                item.kind = Kind::Unseen(left(item, why, BY_HAND));
            } else if item.conditions.iter().any(|condition| !condition.outer && !stands_in(condition, file, &binding))
            {
                let why = "whether they count depends on a condition that stands elsewhere";
                item.kind = Kind::Unseen(left(item, why, BY_HAND));
            }
        }
        if definition.pieces[piece].items.iter().any(|item| matches!(item.kind, Kind::Unseen(_))) {
            definition.keep(piece);
        }
    }
}

/// Whether a condition can be written where the keys were.
fn stands_in(condition: &Condition<'_>, file: &NixFile, binding: &Range<usize>) -> bool {
    let here = range(condition.at.expr.syntax());
    condition.at.file.path == file.path && binding.start <= here.start && here.end <= binding.end
}

fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text }
}

pub(super) fn left(item: &Item<'_>, why: impl Into<String>, next: impl Into<String>) -> Left {
    Left::new(item.file.path.clone(), Some(item.line), why, next)
}
