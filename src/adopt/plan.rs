//! What will be in `keys.toml`, `pkeys.toml` and the Nix files.

use super::decide::{Decider, Found};
use super::readers::readers;
use super::rewrite::rewrite;
use super::sites::sites;
use crate::base::{Error, HostName, KeyLabel, Result, UserName};
use crate::keys::{State, UserKey, UserKeys, hosts_of, today};
use crate::manifest::{Manifest, Repository, Selector};
use crate::nixfiles::{Changed, Left, Tree, Uses};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A key that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whose it is.
    pub user: UserName,
    /// What it is called in `keys.toml`.
    pub label: KeyLabel,
    /// `SHA256:…`
    pub fingerprint: String,
    /// On which hosts it counts, as before.
    pub hosts: BTreeSet<HostName>,
    /// Where it stood: files and lines.
    pub from: BTreeSet<(PathBuf, usize)>,
}

/// All that would be done. Nothing is written by making it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// The keys that move, sorted by user and label.
    pub taken: Vec<Taken>,
    /// The Nix files that change.
    pub changed: Vec<Changed>,
    /// What is left alone.
    pub left: Vec<Left>,
    /// The keys of `keys.toml` afterwards.
    pub keys: UserKeys,
    /// `hosts` of the users in `pkeys.toml` that change or are new.
    pub users: BTreeMap<UserName, Vec<Selector>>,
}

/// Plans to take over the keys in the Nix files below `paths` (all, when there are none). `hosts` says which hosts use these
/// files; without it the files are asked. `user` says whose keys they are where the user's name is computed.
///
/// # Errors
/// When the repository cannot be read, a path is not in it, or the keys cannot stand together.
pub fn adopt(
    repository: &Repository,
    keys: &UserKeys,
    paths: &[PathBuf],
    hosts: &[HostName],
    user: Option<&UserName>,
) -> Result<Adoption> {
    let (tree, unread) = Tree::read(repository.root())?;
    let chosen = paths.iter().map(|path| inside(&tree, path)).collect::<Result<Vec<_>>>()?;
    of_tree(&tree, unread, &chosen, repository.manifest(), keys, (hosts, user))
}

/// The same of files that were read, of which `chosen` are meant; `unread` are those that could not be.
pub(super) fn of_tree(
    tree: &Tree,
    unread: Vec<Left>,
    chosen: &[PathBuf],
    manifest: &Manifest,
    keys: &UserKeys,
    (hosts, user): (&[HostName], Option<&UserName>),
) -> Result<Adoption> {
    let is_chosen = |path: &std::path::Path| chosen.is_empty() || chosen.iter().any(|top| path.starts_with(top));
    let uses = Uses::new(tree, manifest.hosts.keys(), hosts);
    let (mut definitions, unclear) = sites(tree, &uses, user);
    for definition in definitions.iter_mut().filter(|definition| !is_chosen(&definition.file.path)) {
        definition.leave("it is not among the files that were named", "name its file too");
    }
    let mut decider = Decider { definitions, readers: readers(tree), uses: &uses, manifest, keys };
    let found = decider.decide();
    let changed = rewrite(&decider.definitions);
    let kept = decider.definitions.iter().flat_map(super::rewrite::left_of);
    let mut left: Vec<_> = unread.into_iter().chain(unclear).chain(kept).filter(|l| is_chosen(&l.file)).collect();
    left.sort();
    left.dedup();
    let (keys, users) = entered(manifest, keys, &found)?;
    Ok(Adoption { taken: found.into_iter().map(Taken::from).collect(), changed, left, keys, users })
}

fn inside(tree: &Tree, path: &std::path::Path) -> Result<PathBuf> {
    let real = path.canonicalize().map_err(|e| Error::io("read", path, &e).hint("name files of the repository"))?;
    let inside = real.strip_prefix(tree.root()).map(ToOwned::to_owned);
    inside.map_err(|_| {
        Error::new(format!("{} is not in the repository", path.display()))
            .hint("name files below the directory of pkeys.toml, and no links that lead out of it")
    })
}

impl From<Found> for Taken {
    fn from(found: Found) -> Self {
        let fingerprint = found.line.public.fingerprint();
        Self { user: found.user, label: found.label, fingerprint, hosts: found.hosts, from: found.from }
    }
}

type Entered = (UserKeys, BTreeMap<UserName, Vec<Selector>>);

/// The keys with those that were found, and the users' `hosts`: no key counts on a host where it did not before.
fn entered(manifest: &Manifest, keys: &UserKeys, found: &[Found]) -> Result<Entered> {
    let (mut all, mut users) = (keys.clone(), BTreeMap::new());
    for user in found.iter().map(|found| &found.user).collect::<BTreeSet<_>>() {
        let of_user = || found.iter().filter(|found| found.user == *user);
        let settings = manifest.users.get(user);
        let mut selectors = settings.map(|user| user.hosts.clone()).unwrap_or_default();
        let before: BTreeSet<_> = manifest.selected(&selectors).cloned().collect();
        let after: BTreeSet<_> = of_user().flat_map(|found| &found.hosts).chain(&before).cloned().collect();
        let more = after.difference(&before).cloned().map(Selector::Host);
        for label in keys.of(user).filter(|key| key.hosts.is_none()).map(|key| (key.label.clone(), key.state)) {
            if after != before {
                all.change(user, &label.0, label.1, |key| key.hosts = Some(selectors.clone()))?;
            }
        }
        selectors.extend(more);
        if settings.is_none() || after != before {
            users.insert(user.clone(), selectors);
        }
        let named = |hosts: &BTreeSet<HostName>| {
            (*hosts != after).then(|| hosts.iter().cloned().map(Selector::Host).collect::<Vec<_>>())
        };
        for found in of_user() {
            let known = keys.of(user).find(|key| key.public.is_same_key(&found.line.public));
            match known {
                Some(known) => {
                    let has = hosts_of(manifest, known).into_iter().chain(&found.hosts).cloned().collect();
                    all.change(user, &known.label, known.state, |key| key.hosts = named(&has))?;
                }
                None => all.add(key(found, named(&found.hosts)))?,
            }
        }
    }
    Ok((all, users))
}

fn key(found: &Found, hosts: Option<Vec<Selector>>) -> UserKey {
    let public = found.line.public.clone();
    let comment = format!("{} {}", found.user, found.label);
    UserKey {
        user: found.user.clone(),
        label: found.label.clone(),
        state: State::Active,
        public: if public.comment().is_empty() { public.with_comment(&comment) } else { public },
        options: found.line.options.clone(),
        added: today(),
        private: None,
        hosts,
        proven: BTreeSet::new(),
        revoked: BTreeSet::new(),
    }
}
