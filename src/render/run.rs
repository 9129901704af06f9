//! Doing what was planned: read the values, seal, sign, write. All or nothing for each host.

use crate::base::{Error, HostName, Result, parallel, secret::without_final_newline};
use crate::bundle::{self, FORMAT_1, Manifest as BundleManifest, Payload, SecretEntry, Signed};
use crate::manifest::{Origin, Repository};
use crate::operator::Keys;
use crate::render::{HostPlan, Sources, State, Wanted, verify};
use crate::source::Value;
use ssh_key::PrivateKey;
use std::collections::{BTreeMap, BTreeSet};

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
    if stale.is_empty() {
        return Ok(Vec::new());
    }
    let key = signing_key(repository, keys)?;
    let sealed_anew = stale.iter().filter(|(plan, _)| !plan.keeps_payload());
    let needed: BTreeSet<Origin> =
        sealed_anew.flat_map(|(_, wanted)| wanted.secrets.values().map(|secret| secret.origin.clone())).collect();
    let values = sources.read(&needed);
    let callbacks = keys.callbacks();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut finished = parallel::each(&stale, workers, |(plan, wanted)| {
        let host = &plan.host;
        let generation = plan.rendered.as_ref().map_or(0, |old| old.generation) + 1;
        let sealed = match &plan.rendered {
            Some(old) if plan.keeps_payload() => reuse(repository, plan, generation, wanted, old, key),
            _ => seal(host, generation, wanted, &values, key, callbacks.clone()),
        };
        let result = sealed
            .and_then(|(signed, payload)| bundle::write(&repository.bundle(host), &signed, &payload))
            .map(|()| generation);
        let rendered = Rendered { host: host.clone(), result };
        done(&rendered);
        rendered
    });
    finished.sort_by(|a, b| a.host.cmp(&b.host));
    Ok(finished)
}

/// The operator's signing key, once it is known that the hosts will trust it.
fn signing_key<'a>(repository: &Repository, keys: &'a Keys) -> Result<&'a PrivateKey> {
    let signers = repository.manifest().signers()?;
    let key = keys.signing_key()?;
    if signers.trusts(key.public_key()) {
        return Ok(key);
    }
    let line = key.public_key().to_openssh().unwrap_or_default();
    Err(Error::new("your signing key is not among the signers of pkeys.toml: hosts would refuse the bundle")
        .hint(format!("add it under [signers], and to trustedSigners of the hosts: \"{line}\"")))
}

fn seal(
    host: &HostName,
    generation: u64,
    wanted: &Wanted,
    values: &BTreeMap<Origin, Result<Value>>,
    key: &PrivateKey,
    callbacks: impl age::Callbacks,
) -> Result<(Signed, Vec<u8>)> {
    let mut contents = Vec::with_capacity(wanted.secrets.len());
    let mut entries = Vec::with_capacity(wanted.secrets.len());
    let mut versions = BTreeMap::new();
    for (name, secret) in &wanted.secrets {
        let value = values.get(&secret.origin).expect("every wanted value was asked for");
        let value = value.as_ref().map_err(|e| e.clone().context(format!("secret {name}")))?;
        let bytes = value.bytes.expose();
        contents.push((name, if secret.trim { without_final_newline(bytes) } else { bytes }));
        versions.insert(name.clone(), value.version.0.clone());
        let (reference, version) = (secret.origin.reference.to_string(), value.version.0.clone());
        entries.push(SecretEntry { name: name.clone(), reference, version });
    }
    let payload = bundle::encrypt(&bundle::pack(contents.iter().copied())?, &wanted.recipients, callbacks)?;
    if payload.len() > bundle::MAX_PAYLOAD {
        return Err(Error::new("the secrets of this host are larger than 64 MiB together"));
    }
    let manifest = BundleManifest {
        format: FORMAT_1.into(),
        fleet: None,
        host: host.clone(),
        generation,
        created: now(),
        payload: Payload::of(&payload),
        recipients: wanted.recipient_ids(),
        secrets: entries,
        authorized_keys: wanted.authorized_keys.clone(),
        inputs: wanted.fingerprint(&versions),
    };
    Ok((signed(&manifest, key)?, payload))
}

/// The encrypted half as it is, under a new public one: users' keys stand in public, and no secret has to be read.
fn reuse(
    repository: &Repository,
    plan: &HostPlan,
    generation: u64,
    wanted: &Wanted,
    old: &BundleManifest,
    key: &PrivateKey,
) -> Result<(Signed, Vec<u8>)> {
    let payload = verify(repository, &plan.host)?.payload(&repository.bundle(&plan.host))?;
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
    Ok((signed(&manifest, key)?, payload))
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
