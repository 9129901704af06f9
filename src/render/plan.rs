//! Deciding which hosts need a new bundle, and why. Changes nothing and reads no secret.

use crate::base::{Error, HostName, Result, SecretName};
use crate::bundle::{Authentic, Manifest as BundleManifest};
use crate::grants::{InTree, Known, Trusted, unaccepted_of_host};
use crate::keys::UserKeys;
use crate::manifest::{Origin, Repository};
use crate::policy::{Gate, Leeway, Warnings};
use crate::render::{Reason, Sources, Wanted};
use crate::trust::Claim;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done for one host.
#[derive(Debug)]
pub struct HostPlan {
    /// The host.
    pub host: HostName,
    /// The public manifest that is there, if it can be read. Not to be trusted.
    pub rendered: Option<BundleManifest>,
    /// What is to be done.
    pub state: State,
    /// What the policies warn of.
    pub warnings: Warnings,
    /// What the host would get and nobody has accepted: it is not rendered until somebody does.
    pub unaccepted: Vec<Claim>,
    /// What nobody has accepted and is therefore left out, in an emergency.
    pub left_out: Vec<Claim>,
    /// The newest manifest of an accepted signer: of the work tree, or of git's history.
    pub(super) accepted: Option<Authentic>,
    /// The highest generation that is known.
    pub(super) highest: u64,
    /// The SHA-256 of the manifest in the work tree, if that is the accepted one.
    pub(super) sha256: Option<String>,
    /// Whether more than that would have to be done for an up-to-date bundle.
    pub(super) put_off: bool,
}

impl HostPlan {
    fn failed(host: &HostName, error: Error) -> Self {
        Self { state: State::Failed(error), ..Self::unknown(host) }
    }

    fn unknown(host: &HostName) -> Self {
        Self {
            host: host.clone(),
            rendered: None,
            state: State::Unchanged,
            warnings: Warnings::default(),
            unaccepted: Vec::new(),
            left_out: Vec::new(),
            accepted: None,
            highest: 0,
            sha256: None,
            put_off: false,
        }
    }

    /// Puts off whatever is not in the public half: users' keys change at once, and no secret has to be read.
    pub fn keys_first(mut self) -> Self {
        if let (State::Stale { reasons, .. }, Some(accepted)) = (&mut self.state, &self.accepted) {
            let all = reasons.len();
            if reasons.iter().any(|reason| matches!(reason, Reason::New | Reason::Invalid(_))) {
                *reasons = vec![Reason::FromHistory(accepted.manifest.generation)];
                self.put_off = true;
            } else if reasons.iter().any(Reason::is_public) {
                reasons.retain(Reason::is_public);
                self.put_off = reasons.len() < all;
            }
        }
        self
    }

    /// Whether nothing but users' keys changes: the payload stays as it is.
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
    let trusted = Trusted::of(repository);
    let operator = sources.operator();
    let keys = UserKeys::load(repository);
    let none = UserKeys::default();
    let gate = Gate::open(repository, keys.as_ref().unwrap_or(&none), leeway)?;
    let signing = gate.sign(&operator)?;
    let looked: Vec<_> = hosts
        .iter()
        .map(|host| {
            let look = keys.as_ref().map_err(Clone::clone).and_then(|keys| {
                let trusted = trusted.as_ref().map_err(Clone::clone)?;
                look(&Asked { repository, keys, trusted, gate: &gate, operator: &operator, leeway }, host, force)
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
            HostPlan { warnings, ..look.settle(repository, host, &versions) }
        }
        Err(e) => HostPlan::failed(host, e),
    };
    Ok(looked.into_iter().map(settle).collect())
}

/// What is asked for each host.
struct Asked<'a> {
    repository: &'a Repository,
    keys: &'a UserKeys,
    trusted: &'a Trusted,
    gate: &'a Gate<'a>,
    operator: &'a str,
    leeway: Leeway,
}

/// What can be said of a host without asking any source.
struct Look {
    wanted: Wanted,
    known: Known,
    /// With none but public ones, it depends on the versions too.
    reasons: Vec<Reason>,
    warnings: Warnings,
    unaccepted: Vec<Claim>,
    left_out: Vec<Claim>,
}

fn look(asked: &Asked, host: &HostName, force: bool) -> Result<Look> {
    let Asked { repository, keys, trusted, gate, operator, leeway } = asked;
    let mut wanted = Wanted::of(repository.manifest(), keys, host)?;
    let known = Known::of(repository, trusted, host)?;
    let accepted = known.accepted.as_ref().map(|accepted| &accepted.manifest);
    let granted = gate.render(operator, host, accepted)?;
    wanted.leave_out(&granted);
    let mut unaccepted = unaccepted_of_host(repository, keys, host, Some(&known))?;
    let pins = repository.pins()?;
    unaccepted.extend(repository.manifest().break_glass_claims().filter(|claim| !pins.accepts(claim)));
    drop(pins);
    let mut left_out = Vec::new();
    if *leeway == Leeway::Emergency {
        left_out = std::mem::take(&mut unaccepted);
        wanted.leave_out_claims(&left_out);
    }
    let mut reasons = Vec::new();
    match (&known.in_tree, accepted) {
        (InTree::Missing, _) => reasons.push(Reason::New),
        (InTree::Invalid(_, e), _) => reasons.push(Reason::Invalid(e.message().into())),
        (InTree::Valid, Some(old)) => {
            let versions = wanted.rendered_versions(old);
            reasons.extend(wanted.differences(old, &versions));
            let same = || wanted.fingerprint_with(&versions, &old.authorized_keys) == old.inputs;
            if reasons.iter().all(Reason::is_public) && !same() {
                reasons.push(Reason::Settings);
            }
        }
        (InTree::Valid, None) => {}
    }
    if force && reasons.iter().all(Reason::is_public) {
        reasons.push(Reason::Forced);
    }
    Ok(Look { wanted, known, reasons, warnings: granted.warnings, unaccepted, left_out })
}

impl Look {
    /// Whether the versions have to be known.
    fn asks(&self) -> bool {
        self.reasons.iter().all(Reason::is_public)
    }

    fn settle(
        self,
        repository: &Repository,
        host: &HostName,
        versions: &BTreeMap<Origin, Result<crate::source::Version>>,
    ) -> HostPlan {
        let Self { wanted, known, mut reasons, warnings, unaccepted, left_out } = self;
        let rendered = known.manifest_in_tree().cloned();
        let Known { accepted, highest, sha256, .. } = known;
        let plan =
            HostPlan { warnings, rendered, unaccepted, left_out, accepted, highest, sha256, ..HostPlan::unknown(host) };
        if reasons.iter().all(Reason::is_public)
            && let Some(Authentic { manifest: old, .. }) = &plan.accepted
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
                Ok(now) => match wanted.check_newness(repository, Some(old), &now) {
                    Ok(()) => reasons = wanted.differences(old, &now),
                    Err(e) => return HostPlan { state: State::Failed(e), ..plan },
                },
                // Users' keys do not wait for a source that is down.
                Err(_) if !reasons.is_empty() => {}
                Err(e) => return HostPlan { state: State::Failed(e), ..plan },
            }
        }
        let state = if reasons.is_empty() { State::Unchanged } else { State::Stale { wanted, reasons } };
        HostPlan { state, ..plan }
    }
}
