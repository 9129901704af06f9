//! What a host should have, its fingerprint, and how that differs from what it has.

use crate::base::{Error, FleetId, HostName, Result, SecretName, UserName};
use crate::bundle::{FORMAT_2, Manifest as BundleManifest, NEW_HOST_KEY, Recipient, SecretEntry, sha256_hex};
use crate::grants::version;
use crate::keys::{UserKeys, authorized};
use crate::manifest::{Manifest, Origin, Repository, check_delivery};
use crate::policy::Granted;
use crate::source::Reference;
use crate::trust::Claim;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// All that goes into a host's bundle, but for the values.
#[derive(Debug)]
pub struct Wanted {
    /// The fleet that it is for.
    pub fleet: FleetId,
    /// The secrets, sorted by name.
    pub secrets: BTreeMap<SecretName, WantedSecret>,
    /// Who can open it, sorted.
    pub recipients: Vec<Recipient>,
    /// Those of them that are break-glass recipients, as bundles name them.
    pub break_glass: BTreeSet<String>,
    /// Who may log in.
    pub authorized_keys: BTreeMap<UserName, Vec<String>>,
}

/// One secret of a host.
#[derive(Debug)]
pub struct WantedSecret {
    /// Where its value comes from.
    pub origin: Origin,
    /// The source that `pkeys.toml` names for it.
    pub source: Option<String>,
    /// Whether a final newline is stripped.
    pub trim: bool,
}

impl Wanted {
    /// What the manifest and the user keys say that a host gets.
    ///
    /// # Errors
    /// When the host has no recipient, or a secret no source.
    pub fn of(manifest: &Manifest, keys: &UserKeys, host: &HostName) -> Result<Self> {
        let secrets = manifest.secrets_of(host).map(|(name, secret)| {
            let origin = check_delivery(&secret.from, None).and_then(|()| Origin::of(manifest, secret));
            let origin = origin.map_err(|e| e.context(format!("secret {name}")))?;
            Ok((name.clone(), WantedSecret { origin, source: secret.source.clone(), trim: secret.trim }))
        });
        let mut secrets = secrets.collect::<Result<BTreeMap<_, _>>>()?;
        if secrets.contains_key(NEW_HOST_KEY) {
            return Err(Error::new(format!(
                "a secret is called {NEW_HOST_KEY}: hosts take that for their new host key"
            ))
            .hint("give it another name in pkeys.toml"));
        }
        if let Some(reference) = manifest.host_key_for(host) {
            check_delivery(reference, Some(host)).map_err(|e| e.context("next-host-key"))?;
            let origin = Origin::find(manifest, reference, None)?;
            secrets.insert(SecretName::new(NEW_HOST_KEY)?, WantedSecret { origin, source: None, trim: false });
        }
        let fleet = manifest.fleet.clone().ok_or_else(|| {
            Error::new("pkeys.toml has no fleet id").hint("run `pkeys init`: it adds one, and changes nothing else")
        })?;
        Ok(Self {
            fleet,
            secrets,
            recipients: manifest.recipients_of(host)?,
            break_glass: manifest.break_glass_ids(),
            authorized_keys: authorized(manifest, keys, host),
        })
    }

    /// Leaves out what the policies do not grant, in an emergency.
    pub(super) fn leave_out(&mut self, granted: &Granted) {
        for name in &granted.without_secrets {
            self.secrets.remove(name);
        }
        for (user, line) in &granted.without_keys {
            if let Some(lines) = self.authorized_keys.get_mut(user) {
                lines.retain(|known| known != line);
            }
        }
        self.authorized_keys.retain(|_, lines| !lines.is_empty());
    }

    /// Leaves out what nobody has accepted, in an emergency.
    pub(super) fn leave_out_claims(&mut self, claims: &[Claim]) {
        for claim in claims {
            match claim {
                Claim::Recipient { recipient, .. } | Claim::BreakGlass { recipient } => {
                    self.recipients.retain(|known| known.id() != recipient);
                    self.break_glass.remove(recipient);
                }
                Claim::Secret { name, .. } => drop(self.secrets.remove(name)),
                Claim::Key { user, line, .. } => {
                    if let Some(lines) = self.authorized_keys.get_mut(user) {
                        lines.retain(|known| known != line);
                    }
                }
                _ => {}
            }
        }
        self.authorized_keys.retain(|_, lines| !lines.is_empty());
    }

    /// The fingerprint of all that goes in, with the given versions. Public: hashes nothing of a value.
    pub fn fingerprint(&self, versions: &BTreeMap<SecretName, String>) -> String {
        self.fingerprint_with(versions, &self.authorized_keys)
    }

    /// The same with other users' keys.
    pub fn fingerprint_with(
        &self,
        versions: &BTreeMap<SecretName, String>,
        authorized_keys: &BTreeMap<UserName, Vec<String>>,
    ) -> String {
        let secrets: Vec<_> = self
            .secrets
            .iter()
            .map(|(name, s)| (name, s.origin.reference.to_string(), versions.get(name), s.trim))
            .collect();
        let recipients: Vec<_> = self.recipients.iter().map(ToString::to_string).collect();
        let all = (FORMAT_2, &self.fleet, secrets, recipients, authorized_keys);
        format!("sha256:{}", sha256_hex(&serde_json::to_vec(&all).expect("names and numbers only")))
    }

    /// The recipients as the public manifest names them, sorted.
    pub fn recipient_ids(&self) -> Vec<String> {
        self.recipients.iter().map(|r| r.id().to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The versions that a rendered bundle has, of the secrets that are still wanted from the same place.
    pub fn rendered_versions(&self, old: &BundleManifest) -> BTreeMap<SecretName, String> {
        let same = |s: &&SecretEntry| self.secrets.get(&s.name).is_some_and(|wanted| wanted.is_read_as(s));
        old.secrets.iter().filter(same).map(|s| (s.name.clone(), s.version.clone())).collect()
    }

    /// Refuses a local value that is older than the one in the newest bundle, or than one that this machine has seen:
    /// somebody has put it back.
    ///
    /// # Errors
    /// Names the first.
    pub fn check_newness(
        &self,
        repository: &Repository,
        old: Option<&BundleManifest>,
        versions: &BTreeMap<SecretName, String>,
    ) -> Result<()> {
        let pins = repository.pins()?;
        for (name, wanted) in &self.secrets {
            let Reference::Age(file) = &wanted.origin.reference else { continue };
            let Some(now) = versions.get(name) else { continue };
            let rendered =
                old.and_then(|old| old.secrets.iter().find(|old| old.name == *name && wanted.is_read_as(old)));
            if version::counter(now).unwrap_or(0) < pins.counter(file)
                || rendered.is_some_and(|rendered| version::is_older(now, &rendered.version))
            {
                return Err(Error::new(format!("secret {name}: the local value is older than one that was rendered"))
                    .hint("`git pull`; to go back to an old value on purpose, `pkeys secret set` it again"));
            }
        }
        Ok(())
    }

    /// How a rendered bundle differs from what is wanted, where versions are known.
    pub fn differences(&self, old: &BundleManifest, versions: &BTreeMap<SecretName, String>) -> Vec<Reason> {
        let had: BTreeMap<_, _> = old.secrets.iter().map(|s| (&s.name, s)).collect();
        let mut reasons = Vec::new();
        for (name, wanted) in &self.secrets {
            match had.get(name) {
                None => reasons.push(Reason::Added(name.clone())),
                Some(old) if !wanted.is_read_as(old) => reasons.push(Reason::Moved(name.clone())),
                Some(old) if versions.get(name).is_some_and(|now| *now != old.version) => {
                    reasons.push(Reason::Changed(name.clone()));
                }
                Some(_) => {}
            }
        }
        let gone = had.keys().filter(|name| !self.secrets.contains_key(**name));
        reasons.extend(gone.map(|name| Reason::Removed((*name).clone())));
        if old.recipients != self.recipient_ids() || !old.break_glass.iter().eq(&self.break_glass) {
            reasons.push(Reason::Recipients);
        }
        let users: BTreeSet<_> = old.authorized_keys.keys().chain(self.authorized_keys.keys()).collect();
        let changed = users.into_iter().filter(|u| old.authorized_keys.get(*u) != self.authorized_keys.get(*u));
        reasons.extend(changed.map(|user| Reason::Keys(user.clone())));
        reasons
    }
}

impl WantedSecret {
    /// Whether a rendered secret was read from the same place.
    fn is_read_as(&self, old: &SecretEntry) -> bool {
        old.reference == self.origin.reference.to_string() && old.source == self.source
    }
}

/// Why a bundle is rendered anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The first bundle of this host.
    New,
    /// It was asked for.
    Forced,
    /// The bundle that is there does not verify.
    Invalid(String),
    /// A secret that the bundle lacks.
    Added(SecretName),
    /// A secret with a newer version.
    Changed(SecretName),
    /// A secret with another reference.
    Moved(SecretName),
    /// A secret that the host no longer gets.
    Removed(SecretName),
    /// Other recipients.
    Recipients,
    /// Other authorized keys of a user.
    Keys(UserName),
    /// A setting such as `trim`.
    Settings,
    /// In an emergency, the payload of this generation is taken from git's history: the work tree has none.
    FromHistory(u64),
}

impl Reason {
    /// Whether it changes the manifest alone.
    pub(super) fn is_public(&self) -> bool {
        matches!(self, Self::Keys(_) | Self::FromHistory(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Forced => f.write_str("forced"),
            Self::Invalid(why) => f.write_str(why),
            Self::Added(name) => write!(f, "+{name}"),
            Self::Changed(name) => write!(f, "~{name}"),
            Self::Moved(name) => write!(f, "~{name} (reference)"),
            Self::Removed(name) => write!(f, "-{name}"),
            Self::Recipients => f.write_str("recipients"),
            Self::Keys(user) => write!(f, "keys of {user}"),
            Self::Settings => f.write_str("settings"),
            Self::FromHistory(generation) => write!(f, "secrets of generation {generation}, from git's history"),
        }
    }
}
