//! Deciding which hosts need a new bundle, and why. Changes nothing and reads no secret.

use crate::base::{Error, HostName, Result, SecretName};
use crate::bundle::{self, Manifest as BundleManifest, Signed, Signers};
use crate::keys::UserKeys;
use crate::manifest::{Origin, Repository};
use crate::policy::{Gate, Leeway, Warnings};
use crate::render::{Reason, Sources, Wanted};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done for one host.
#[derive(Debug)]
pub struct HostPlan {
    /// The host.
    pub host: HostName,
    /// The public manifest that is there, if it can be read.
    pub rendered: Option<BundleManifest>,
    /// What is to be done.
    pub state: State,
    /// What the policies warn of.
    pub warnings: Warnings,
    /// Whether more than that would have to be done for an up-to-date bundle.
    pub(super) put_off: bool,
}

impl HostPlan {
    fn new(host: &HostName, rendered: Option<BundleManifest>, state: State) -> Self {
        Self { host: host.clone(), rendered, state, warnings: Warnings::default(), put_off: false }
    }

    /// Puts off whatever is not in the public half: users' keys change at once, and no secret has to be read.
    pub fn keys_first(mut self) -> Self {
        if let (State::Stale { reasons, .. }, Some(_)) = (&mut self.state, &self.rendered)
            && reasons.iter().any(Reason::is_public)
        {
            let all = reasons.len();
            reasons.retain(Reason::is_public);
            self.put_off = reasons.len() < all;
        }
        self
    }

    /// Whether nothing but users' keys changes: the encrypted half stays as it is.
    pub(super) fn keeps_payload(&self) -> bool {
        matches!(&self.state, State::Stale { reasons, .. } if reasons.iter().all(Reason::is_public))
    }
}

/// Where a host's bundle stands.
#[derive(Debug)]
pub enum State {
    /// It is what is wanted.
    Unchanged,
    /// It has to be rendered.
    Stale {
        /// What it shall hold.
        wanted: Wanted,
        /// Why; never empty.
        reasons: Vec<Reason>,
    },
    /// It cannot be said or done.
    Failed(Error),
}

/// Plans the given hosts. Asks the policies of each: a host to which they deny something has failed.
///
/// # Errors
/// When the policies cannot be asked, or the signing key may not sign.
pub fn plan(
    repository: &Repository,
    sources: &Sources,
    hosts: &[HostName],
    force: bool,
    leeway: Leeway,
) -> Result<Vec<HostPlan>> {
    let signers = repository.manifest().signers();
    let operator = sources.operator();
    let keys = UserKeys::load(repository);
    let none = UserKeys::default();
    let gate = Gate::open(repository, keys.as_ref().unwrap_or(&none), leeway)?;
    let signing = gate.sign(&operator)?;
    let looked: Vec<_> = hosts
        .iter()
        .map(|host| {
            let look = keys.as_ref().map_err(Clone::clone).and_then(|keys| {
                look(&Asked { repository, keys, signers: &signers, gate: &gate, operator: &operator }, host, force)
            });
            (host, look)
        })
        .collect();
    let open: BTreeSet<Origin> = looked
        .iter()
        .filter_map(|(_, look)| look.as_ref().ok())
        .filter(|look| look.asks())
        .flat_map(|look| look.wanted.secrets.values().map(|secret| secret.origin.clone()))
        .collect();
    let versions = sources.versions(&open);
    let settle = |(host, look): (&HostName, Result<Look>)| match look {
        Ok(mut look) => {
            let mut warnings = std::mem::take(&mut look.warnings);
            warnings.extend(signing.clone());
            HostPlan { warnings, ..look.settle(host, &versions) }
        }
        Err(e) => HostPlan::new(host, None, State::Failed(e)),
    };
    Ok(looked.into_iter().map(settle).collect())
}

/// What is asked for each host.
struct Asked<'a> {
    repository: &'a Repository,
    keys: &'a UserKeys,
    signers: &'a Result<Signers>,
    gate: &'a Gate<'a>,
    operator: &'a str,
}

/// What can be said of a host without asking any source.
struct Look {
    wanted: Wanted,
    rendered: Option<BundleManifest>,
    /// With none but public ones, it depends on the versions too.
    reasons: Vec<Reason>,
    warnings: Warnings,
}

fn look(asked: &Asked, host: &HostName, force: bool) -> Result<Look> {
    let mut wanted = Wanted::of(asked.repository.manifest(), asked.keys, host)?;
    let signers = asked.signers.as_ref().map_err(Clone::clone)?;
    let directory = asked.repository.bundle(host);
    let (rendered, valid) = match Signed::read(&directory) {
        Ok(None) => {
            let granted = asked.gate.render(asked.operator, host, None)?;
            wanted.leave_out(&granted);
            return Ok(Look { wanted, rendered: None, reasons: vec![Reason::New], warnings: granted.warnings });
        }
        Ok(Some(signed)) => {
            (BundleManifest::parse(&signed.manifest).ok(), signed.verify(&directory, host, None, signers).map(|_| ()))
        }
        // Without the number that is there, a new bundle would be older than what the host has.
        Err(e) if e.is_io() => return Err(e),
        Err(e) => (bundle::unproven(&directory)?, Err(e)),
    };
    if let Err(e) = &valid
        && e.is_io()
    {
        return Err(e.clone());
    }
    let granted = asked.gate.render(asked.operator, host, rendered.as_ref().filter(|_| valid.is_ok()))?;
    wanted.leave_out(&granted);
    let mut reasons = Vec::new();
    match (&rendered, valid) {
        (_, Err(e)) => reasons.push(Reason::Invalid(e.message().into())),
        (Some(old), Ok(())) => {
            let versions = wanted.rendered_versions(old);
            reasons.extend(wanted.differences(old, &versions));
            let same = || wanted.fingerprint_with(&versions, &old.authorized_keys) == old.inputs;
            if reasons.iter().all(Reason::is_public) && !same() {
                reasons.push(Reason::Settings);
            }
        }
        (None, Ok(())) => {}
    }
    if force && reasons.iter().all(Reason::is_public) {
        reasons.push(Reason::Forced);
    }
    Ok(Look { wanted, rendered, reasons, warnings: granted.warnings })
}

impl Look {
    /// Whether the versions have to be known.
    fn asks(&self) -> bool {
        self.reasons.iter().all(Reason::is_public)
    }

    fn settle(self, host: &HostName, versions: &BTreeMap<Origin, Result<crate::source::Version>>) -> HostPlan {
        let Self { wanted, rendered, mut reasons, .. } = self;
        if reasons.iter().all(Reason::is_public)
            && let Some(old) = &rendered
        {
            let now: Result<BTreeMap<SecretName, String>> = wanted
                .secrets
                .iter()
                .filter_map(|(name, secret)| Some((name, versions.get(&secret.origin)?)))
                .map(|(name, version)| match version {
                    Ok(version) => Ok((name.clone(), version.0.clone())),
                    Err(e) => Err(e.clone().context(format!("secret {name}"))),
                })
                .collect();
            match now {
                Ok(now) => reasons = wanted.differences(old, &now),
                // Users' keys do not wait for a source that is down.
                Err(_) if !reasons.is_empty() => {}
                Err(e) => return HostPlan::new(host, rendered, State::Failed(e)),
            }
        }
        let state = if reasons.is_empty() { State::Unchanged } else { State::Stale { wanted, reasons } };
        HostPlan::new(host, rendered, state)
    }
}
