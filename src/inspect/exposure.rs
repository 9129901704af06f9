//! What a host could read, if somebody else has it now: by `pkeys.toml` and by the bundles as they were rendered. A plan:
//! changes nothing, asks nobody.

use crate::base::{HostName, Result, SecretName, UserName};
use crate::bundle::{Manifest, Recipient, Signed};
use crate::keys::{UserKeys, authorized};
use crate::manifest::Repository;
use crate::source::Reference;
use std::collections::{BTreeMap, BTreeSet};

/// One value that a host could read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// The secret's name.
    pub name: SecretName,
    /// Where its value comes from.
    pub reference: String,
    /// Whether `pkeys.toml` gives it to the host.
    pub wanted: bool,
    /// Whether the rendered bundle has it.
    pub rendered: bool,
    /// The other hosts that have the same value.
    pub shared: BTreeSet<HostName>,
}

/// All that a host could read.
#[derive(Clone, Debug)]
pub struct Exposure {
    /// The host.
    pub host: HostName,
    /// The keys that open its bundle, but for break-glass.
    pub recipients: Vec<String>,
    /// Other hosts whose bundles the same keys open.
    pub opens: BTreeSet<HostName>,
    /// The values, by name.
    pub secrets: Vec<Exposed>,
    /// Who logs in there.
    pub users: BTreeSet<UserName>,
    /// User keys whose private half is among the values: `ann`, `laptop`.
    pub user_keys: Vec<(UserName, String)>,
    /// What could not be looked at.
    pub warnings: Vec<String>,
}

/// Secrets by name, with their references.
type Secrets = BTreeMap<SecretName, String>;

/// What a host could read.
///
/// # Errors
/// When `keys.toml` cannot be read.
pub fn exposure(repository: &Repository, host: &HostName) -> Result<Exposure> {
    let (manifest, keys) = (repository.manifest(), UserKeys::load(repository)?);
    let recipients = recipients(repository, host);
    let others = manifest.hosts.keys().filter(|other| *other != host);
    let opens: BTreeSet<HostName> = others
        .clone()
        .filter(|other| self::recipients(repository, other).iter().any(|key| recipients.contains(key)))
        .cloned()
        .collect();
    let mut warnings = Vec::new();
    let mut rendered: BTreeMap<&HostName, Option<Manifest>> = BTreeMap::new();
    for name in manifest.hosts.keys() {
        let bundle = bundle(repository, name).unwrap_or_else(|e| {
            warnings.push(format!("the bundle of {name} cannot be read: {}", e.one_line()));
            None
        });
        rendered.insert(name, bundle);
    }
    let wanted_by = |name: &HostName| -> Secrets {
        manifest.secrets_of(name).map(|(name, secret)| (name.clone(), secret.from.to_string())).collect()
    };
    let rendered_for = |name: &HostName| -> Secrets {
        let all = rendered.get(name).and_then(Option::as_ref).into_iter().flat_map(|bundle| &bundle.secrets);
        all.map(|secret| (secret.name.clone(), secret.reference.clone())).collect()
    };

    let mut secrets: BTreeMap<(SecretName, String), Exposed> = BTreeMap::new();
    for name in std::iter::once(host).chain(&opens) {
        for (is_rendered, all) in [(false, wanted_by(name)), (true, rendered_for(name))] {
            for (name, reference) in all {
                let new = || Exposed {
                    name: name.clone(),
                    reference: reference.clone(),
                    wanted: false,
                    rendered: false,
                    shared: BTreeSet::new(),
                };
                let exposed = secrets.entry((name.clone(), reference.clone())).or_insert_with(new);
                exposed.wanted |= !is_rendered;
                exposed.rendered |= is_rendered;
            }
        }
    }
    for other in others {
        let has: Vec<String> = wanted_by(other).into_values().chain(rendered_for(other).into_values()).collect();
        for exposed in
            secrets.values_mut().filter(|exposed| has.iter().any(|it| field(it) == field(&exposed.reference)))
        {
            exposed.shared.insert(other.clone());
        }
    }

    let mut users: BTreeSet<UserName> = authorized(manifest, &keys, host).into_keys().collect();
    users.extend(
        rendered.get(host).and_then(Option::as_ref).into_iter().flat_map(|b| b.authorized_keys.keys().cloned()),
    );
    let readable = |reference: &Reference| {
        secrets.values().any(|exposed| field(&exposed.reference) == field(&reference.to_string()))
    };
    let lost = keys.all().iter().filter(|key| key.private.as_ref().is_some_and(readable));
    let user_keys = lost.map(|key| (key.user.clone(), key.label.to_string())).collect();
    let secrets = secrets.into_values().collect();
    Ok(Exposure { host: host.clone(), recipients, opens, secrets, users, user_keys, warnings })
}

/// The keys of a host that `pkeys.toml` names, as a bundle's manifest calls them.
fn recipients(repository: &Repository, host: &HostName) -> Vec<String> {
    let named = repository.manifest().hosts.get(host).map(|host| &host.recipients[..]).unwrap_or_default();
    named.iter().filter_map(|key| Some(key.parse::<Recipient>().ok()?.id().to_owned())).collect()
}

/// A rendered bundle's public manifest. Whoever signed it: what it holds was sealed to the host.
fn bundle(repository: &Repository, host: &HostName) -> Result<Option<Manifest>> {
    Signed::read(&repository.bundle(host))?.map(|signed| Manifest::parse(&signed.manifest)).transpose()
}

/// The field that a reference names, in whatever form it is read.
fn field(reference: &str) -> &str {
    reference.split('?').next().unwrap_or(reference)
}

impl Exposure {
    /// The hosts to render and push again, this one included.
    pub fn hosts(&self) -> BTreeSet<&HostName> {
        self.secrets.iter().flat_map(|secret| &secret.shared).chain(&self.opens).chain([&self.host]).collect()
    }
}
