//! Doing what was planned: read the values, seal, sign, write. All or nothing for each host.

use crate::base::{Error, HostName, Result, parallel, secret::without_final_newline};
use crate::bundle::{
    self, Authentic, FORMAT_2, MAX_GENERATION, Manifest as BundleManifest, Payload, SecretEntry, Signed, sha256_hex,
};
use crate::grants::{self, Trusted, vouch};
use crate::manifest::{Origin, Repository};
use crate::operator::Keys;
use crate::render::{HostPlan, Sources, State, Wanted};
use crate::source::{Reference, Value};
use crate::trust::Bundle;
use ssh_key::PrivateKey;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// What came of a stale host.
#[derive(Debug)]
pub struct Rendered {
    /// The host.
    pub host: HostName,
    /// The new generation, or why there is none.
    pub result: Result<u64>,
}

/// Renders the stale hosts of a plan. `done` hears of each host as it is finished.
///
/// # Errors
/// When nothing can be rendered at all: no signing key, or one that the hosts would not trust.
pub fn run(
    repository: &Repository,
    sources: &Sources,
    keys: &Keys,
    plans: &[HostPlan],
    done: &(dyn Fn(&Rendered) + Sync),
) -> Result<Vec<Rendered>> {
    let stale: Vec<_> = plans
        .iter()
        .filter_map(|plan| match &plan.state {
            State::Stale { wanted, .. } => Some((plan, wanted)),
            _ => None,
        })
        .collect();
    vouch::sign_outstanding(repository, || signing_key(repository, keys))?;
    if stale.is_empty() {
        settle(repository, plans, Vec::new())?;
        return Ok(Vec::new());
    }
    let key = signing_key(repository, keys)?;
    let sealed_anew = stale.iter().filter(|(plan, _)| !plan.keeps_payload());
    let needed: BTreeSet<Origin> =
        sealed_anew.flat_map(|(_, wanted)| wanted.secrets.values().map(|secret| secret.origin.clone())).collect();
    if needed.iter().any(|origin| matches!(origin.reference, Reference::Age(_))) {
        grants::version::note_rendered(repository)?;
    }
    let values = sources.read(&needed);
    let callbacks = keys.callbacks();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let written = Mutex::new(Vec::with_capacity(stale.len()));
    let mut finished = parallel::each(&stale, workers, |(plan, wanted)| {
        let host = &plan.host;
        let sealed = may_be_rendered(plan).and_then(|()| next_generation(plan.highest)).and_then(|generation| {
            let sealed = match &plan.accepted {
                Some(old) if plan.keeps_payload() => reuse(repository, plan, generation, wanted, old),
                _ => seal(repository, plan, generation, wanted, &values, callbacks.clone()),
            };
            sealed.map(|(manifest, payload)| (generation, manifest, payload))
        });
        let result = sealed.and_then(|(generation, manifest, payload)| {
            let signed = signed(&manifest, key)?;
            bundle::write(&repository.bundle(host), &signed, &payload)?;
            let seen = grants::as_seen(repository, &manifest, sha256_hex(&signed.manifest), plan.highest, true)?;
            written.lock().expect("no worker panics").push(seen);
            Ok(generation)
        });
        let rendered = Rendered { host: host.clone(), result };
        done(&rendered);
        rendered
    });
    finished.sort_by(|a, b| a.host.cmp(&b.host));
    // What these bundles grant is known from them now.
    settle(repository, plans, written.into_inner().expect("no worker panics"))?;
    Ok(finished)
}

/// Notes the bundles that were here and those that were written: a push may replace them. What they grant needs no pin.
fn settle(repository: &Repository, plans: &[HostPlan], written: Vec<Bundle>) -> Result<()> {
    let there = plans.iter().filter_map(|plan| Some((plan, plan.accepted.as_ref()?, plan.sha256.clone()?)));
    let there = there
        .map(|(plan, accepted, sha256)| grants::as_seen(repository, &accepted.manifest, sha256, plan.highest, false));
    let bundles = there.chain(written.into_iter().map(Ok)).collect::<Result<Vec<_>>>()?;
    repository.pins()?.settle(&bundles)
}

/// Refuses a host that would get something that nobody has accepted.
fn may_be_rendered(plan: &HostPlan) -> Result<()> {
    let Some((first, others)) = plan.unaccepted.split_first() else { return Ok(()) };
    let more = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
    Err(Error::new(format!("nobody has accepted on this machine: {first}{more}"))
        .hint("look at who added it (`pkeys log`, git), then `pkeys trust accept`"))
}

/// The generation of a new bundle: `max(seconds since 1970, highest known + 1)`.
///
/// # Errors
/// If that is above [`MAX_GENERATION`].
pub fn next_generation(highest: u64) -> Result<u64> {
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    let next = highest.checked_add(1).map(|next| next.max(now));
    next.filter(|next| *next <= MAX_GENERATION).ok_or_else(|| {
        Error::new(
            "no generation is left: the newest bundle has the highest number that there is, or the clock is wrong",
        )
        .hint("is the clock right? else give the host another name, or its fleet another id")
    })
}

/// The operator's signing key, once it is known that the hosts will trust it.
fn signing_key<'a>(repository: &Repository, keys: &'a Keys) -> Result<&'a PrivateKey> {
    let trusted = Trusted::of(repository)?;
    let key = keys.signing_key()?;
    if trusted.signers.trusts(key.public_key()) {
        return Ok(key);
    }
    let line = key.public_key().to_openssh().unwrap_or_default();
    Err(Error::new("your signing key is not among the signers of pkeys.toml: hosts would refuse the bundle")
        .hint(format!("add it under [signers], and to trustedSigners of the hosts: \"{line}\"")))
}

fn seal(
    repository: &Repository,
    plan: &HostPlan,
    generation: u64,
    wanted: &Wanted,
    values: &BTreeMap<Origin, Result<Value>>,
    callbacks: impl bundle::Callbacks,
) -> Result<(BundleManifest, Vec<u8>)> {
    let mut contents = Vec::with_capacity(wanted.secrets.len());
    let mut entries = Vec::with_capacity(wanted.secrets.len());
    let mut versions = BTreeMap::new();
    for (name, secret) in &wanted.secrets {
        let value = values.get(&secret.origin).expect("every wanted value was asked for");
        let value = value.as_ref().map_err(|e| e.clone().context(format!("secret {name}")))?;
        let bytes = value.bytes.expose();
        contents.push((name, if secret.trim { without_final_newline(bytes) } else { bytes }));
        versions.insert(name.clone(), value.version.0.clone());
        entries.push(SecretEntry {
            name: name.clone(),
            reference: secret.origin.reference.to_string(),
            source: secret.source.clone(),
            version: value.version.0.clone(),
        });
    }
    wanted.check_newness(repository, plan.accepted.as_ref().map(|old| &old.manifest), &versions)?;
    let payload = bundle::encrypt(&bundle::pack(contents.iter().copied())?, &wanted.recipients, callbacks)?;
    if payload.len() > bundle::MAX_PAYLOAD {
        return Err(Error::new("the secrets of this host are larger than 64 MiB together"));
    }
    let manifest = BundleManifest {
        format: FORMAT_2.into(),
        fleet: Some(wanted.fleet.clone()),
        host: plan.host.clone(),
        generation,
        created: now(),
        payload: Payload::of(&payload),
        recipients: wanted.recipient_ids(),
        break_glass: wanted.break_glass.iter().cloned().collect(),
        secrets: entries,
        authorized_keys: wanted.authorized_keys.clone(),
        inputs: wanted.fingerprint(&versions),
    };
    Ok((manifest, payload))
}

/// The same payload under a new manifest: users' keys are public, so no secret has to be read. The payload is the one that
/// an accepted signer signed for this host, never what happens to be in the work tree.
fn reuse(
    repository: &Repository,
    plan: &HostPlan,
    generation: u64,
    wanted: &Wanted,
    accepted: &Authentic,
) -> Result<(BundleManifest, Vec<u8>)> {
    let payload = grants::payload(repository, accepted)?;
    let old = &accepted.manifest;
    let manifest = BundleManifest {
        generation,
        created: now(),
        authorized_keys: wanted.authorized_keys.clone(),
        inputs: match plan.put_off {
            // Of before, so that the next render knows that this one was not all.
            true => old.inputs.clone(),
            false => wanted.fingerprint(&wanted.rendered_versions(old)),
        },
        ..old.clone()
    };
    Ok((manifest, payload))
}

fn signed(manifest: &BundleManifest, key: &PrivateKey) -> Result<Signed> {
    let manifest = manifest.to_bytes();
    let signature = bundle::sign(&manifest, key)?.into_bytes();
    Ok(Signed { manifest, signature })
}

/// The time that it is now: RFC 3339, UTC, whole seconds.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
