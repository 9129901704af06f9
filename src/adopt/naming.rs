//! What each key is called, and which keys there are in the end.

use super::decide::{Decider, Found, left};
use super::definition::Kind;
use super::label::label;
use crate::base::{KeyLabel, UserName};
use crate::keys::{AuthorizedLine, Options, State, UserKeys};
use std::collections::{BTreeMap, BTreeSet};

/// Labels by user and fingerprint.
pub(super) type Labels = BTreeMap<(UserName, String), KeyLabel>;

impl Decider<'_, '_> {
    /// What each key is called. A name that two keys would have leaves the second one alone.
    pub(super) fn labels(&mut self) -> Result<Labels, ()> {
        let mut labels: BTreeMap<(UserName, String), (KeyLabel, AuthorizedLine)> = BTreeMap::new();
        for at in 0..self.definitions.len() {
            for piece in 0..self.definitions[at].pieces.len() {
                let definition = &self.definitions[at];
                if definition.left.is_some() || definition.pieces[piece].stays {
                    continue;
                }
                for item in 0..definition.pieces[piece].items.len() {
                    let of = &definition.pieces[piece].items[item];
                    let Kind::Key(line) = &of.kind else { continue };
                    let user = &definition.user;
                    let name = known_label(self.keys, user, line)
                        .unwrap_or_else(|| label(of.comment.as_deref(), &line.public));
                    if let Some((why, next)) = conflict(self.keys, &labels, user, &name, line) {
                        let left = left(of, why, next);
                        self.definitions[at].pieces[piece].items[item].kind = Kind::Unseen(left);
                        self.definitions[at].keep(piece);
                        return Err(());
                    }
                    let id = (user.clone(), line.public.fingerprint());
                    labels.entry(id).or_insert_with(|| (name, (**line).clone()));
                }
            }
        }
        Ok(labels.into_iter().map(|(id, (label, _))| (id, label)).collect())
    }

    /// All keys that are taken over, with the hosts on which they count.
    pub(super) fn found(&self, labels: &Labels) -> Vec<Found> {
        let users: BTreeSet<_> = self.definitions.iter().map(|definition| &definition.user).collect();
        let mut all: BTreeMap<(UserName, String), Found> = BTreeMap::new();
        for (user, host) in users.iter().flat_map(|user| self.manifest.hosts.keys().map(move |host| (*user, host))) {
            for (line, item) in self.effective(user, host, 0) {
                let id = (user.clone(), line.public.fingerprint());
                let mut names = labels.iter().filter(|((_, fingerprint), _)| *fingerprint == id.1);
                let own = labels.get(&id).or_else(|| names.next().map(|(_, label)| label)).cloned();
                let label = own.unwrap_or_else(|| label(item.comment.as_deref(), &line.public));
                let found = all.entry(id).or_insert_with(|| Found {
                    user: user.clone(),
                    label,
                    line: line.clone(),
                    hosts: BTreeSet::new(),
                    from: BTreeSet::new(),
                });
                found.hosts.insert(host.clone());
                found.from.insert((item.file.path.clone(), item.line));
            }
        }
        all.into_values().collect()
    }
}

fn known_label(keys: &UserKeys, user: &UserName, line: &AuthorizedLine) -> Option<KeyLabel> {
    keys.of(user).find(|key| key.public.is_same_key(&line.public)).map(|key| key.label.clone())
}

/// Why a key cannot have this label.
fn conflict(
    keys: &UserKeys,
    labels: &BTreeMap<(UserName, String), (KeyLabel, AuthorizedLine)>,
    user: &UserName,
    name: &KeyLabel,
    line: &AuthorizedLine,
) -> Option<(String, String)> {
    let options = |other: &Option<Options>| *other != line.options;
    let different = || {
        let why = format!("{user} has this key elsewhere with other options");
        (why, "make the options the same everywhere, or leave them".to_owned())
    };
    if let Some(known) = keys.of(user).find(|key| key.public.is_same_key(&line.public)) {
        if known.state == State::Retiring {
            let why = format!("pkeys is taking this key of {user} out of use");
            return Some((why, format!("finish that: `pkeys rotate {user}`; then remove the key here by hand")));
        }
        return options(&known.options).then(different);
    }
    if let Some((_, other)) = labels.get(&(user.clone(), line.public.fingerprint())) {
        return options(&other.options).then(different);
    }
    let taken = labels.iter().any(|((of, _), (label, _))| of == user && label == name);
    (taken || keys.labelled(user, name).next().is_some()).then(|| {
        let why = format!("another key of {user} is called {name} already");
        (why, "put a comment in front of the key that tells them apart, such as `# phone`".to_owned())
    })
}
