//! A drill: would the break-glass key really open everything, as it is now?

use crate::base::{Error, HostName, Result, SecretBytes, SecretName};
use crate::bundle::Recipient;
use crate::escrow::refresh::{self, Escrow};
use crate::escrow::trust_file::differences;
use crate::escrow::{Opened, TrustFile, check_combine, compare_trust, contents, pinned_anchor, write_trust};
use crate::keys::{PublicHalf, UserKeys};
use crate::manifest::{Origin, Repository};
use crate::operator::public_half;
use crate::render::{self, Wanted};
use crate::source::Reference;
use crate::trust::Claim;
use std::collections::{BTreeMap, BTreeSet};

/// What was tried.
#[derive(Debug, Default)]
pub struct Drill {
    /// How many bundles, local secrets and keys of the escrow were opened.
    pub opened: [usize; 3],
    /// What would fail on the worst day.
    pub findings: Vec<Finding>,
}

/// One thing that would fail.
#[derive(Debug)]
pub struct Finding {
    /// What: `bundle web`, `secrets/a.age`, `escrow`.
    pub what: String,
    /// Why, and what to do.
    pub error: Error,
}

/// What became of the signed trust set.
#[derive(Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It was up to date, or this machine cannot tell.
    No,
    /// It was signed anew, with these changes.
    Written(Vec<String>),
}

/// Signs the trust set anew if it is not the one that this machine has accepted. The repository is locked.
///
/// # Errors
/// If something in `pkeys.toml` is not accepted, or the signing key cannot be opened.
pub fn renew_trust(opened: &Opened) -> Result<Renewed> {
    let repository = opened.repository;
    let Some(anchor) = pinned_anchor(repository)? else { return Ok(Renewed::No) };
    let changes = match compare_trust(repository)? {
        None | Some(TrustFile::Current) => return Ok(Renewed::No),
        Some(TrustFile::Missing) => Vec::new(),
        Some(TrustFile::Stale(changes)) => changes,
        // Replaced, or of a run that was killed in between: the pins say what is right.
        Some(TrustFile::Invalid(e)) => vec![e.message().to_owned()],
    };
    write_trust(repository, &opened.signing_key_of(&anchor.signer)?)?;
    Ok(Renewed::Written(changes))
}

/// Opens everything with the break-glass identity, and compares it with what the repository says. Asks nobody and reads no
/// source but the local age files. `tell` hears of each thing that was opened.
pub fn drill(opened: &Opened, tell: &dyn Fn()) -> Drill {
    let mut drill = Drill::default();
    let manifest = opened.repository.manifest();
    for host in manifest.hosts.keys() {
        drill.take(0, format!("bundle {host}"), bundle(opened, host));
        tell();
    }
    match local_secrets(opened.repository) {
        Ok(names) => {
            for name in names {
                let result = opened.local(&name).map(drop).map_err(|e| e.hint("`pkeys secret rekey`"));
                drill.take(1, format!("secrets/{name}.age"), result);
                tell();
            }
        }
        Err(error) => drill.findings.push(Finding { what: "secrets".into(), error }),
    }
    let others = [
        ("trust set", trust(opened)),
        // Of a machine that does not know whose it must be, the trust set says so already.
        ("signing key", opened.trust().map_or(Ok(()), |_| opened.signing_key().map(drop))),
        ("break-glass", check_combine(opened.repository)),
    ];
    for (what, result) in others {
        drill.findings.extend(result.err().map(|error| Finding { what: what.into(), error }));
    }
    match escrow(opened, &mut drill) {
        Ok(()) => tell(),
        Err(error) => drill.findings.push(Finding { what: "escrow".into(), error }),
    }
    drill
}

/// Whether the signed trust set says what `pkeys.toml` says.
fn trust(opened: &Opened) -> Result<()> {
    let trust = opened.trust()?;
    match compare_trust(opened.repository)? {
        Some(TrustFile::Invalid(e)) => return Err(e),
        Some(_) => return Ok(()),
        None => {}
    }
    let named: BTreeSet<_> =
        opened.repository.manifest().fleet_claims().into_iter().filter(Claim::is_of_trust_set).collect();
    let differences = differences(&trust.set.claims(), &named);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("pkeys.toml differs from the signed trust set: {}", differences.join(", ")))
        .hint("run the drill on a machine that has accepted it: that signs it"))
}

impl Drill {
    fn take(&mut self, kind: usize, what: String, result: Result<()>) {
        match result {
            Ok(()) => self.opened[kind] += 1,
            Err(error) => self.findings.push(Finding { what, error }),
        }
    }
}

/// The local age files that are there, and those that should be.
fn local_secrets(repository: &Repository) -> Result<BTreeSet<SecretName>> {
    let named = repository.manifest().secrets.values().filter_map(|secret| match &secret.from {
        Reference::Age(name) => Some(name.clone()),
        Reference::Op(_) => None,
    });
    Ok(repository.local_secrets()?.into_iter().chain(named).collect())
}

fn bundle(opened: &Opened, host: &HostName) -> Result<()> {
    let repository = opened.repository;
    let old = render::verify(repository, &opened.trust()?.trusted, host)?.manifest;
    opened.bundle(host)?.1?;
    let again = |e: Error| e.hint(format!("`pkeys render {host}`"));
    let wanted = Wanted::of(repository.manifest(), &UserKeys::load(repository)?, host)?;
    // Versions of 1Password are known there only; those of local files are known here.
    let mut versions = wanted.rendered_versions(&old);
    for (name, secret) in &wanted.secrets {
        if let Some(version) = local_version(opened, &secret.origin).map_err(|e| e.context(format!("secret {name}")))? {
            versions.insert(name.clone(), version);
        }
    }
    let reasons = wanted.differences(&old, &versions);
    if reasons.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    Err(again(Error::new(format!("it opens, but is not up to date: {}", reasons.join(" ")))))
}

/// The version of a local age file; `None` for what is elsewhere.
fn local_version(opened: &Opened, origin: &Origin) -> Result<Option<String>> {
    let Reference::Age(name) = &origin.reference else { return Ok(None) };
    Ok(opened.version(name)?.map(|version| version.0))
}

fn escrow(opened: &Opened, drill: &mut Drill) -> Result<()> {
    let repository = opened.repository;
    let stale = |what: String| Error::new(what).hint("`pkeys break-glass escrow` writes it anew");
    let public = Escrow::read(repository)?.ok_or_else(|| stale("there is none yet".into()))?;
    let (inside, proven) = opened.escrow()?;
    // Where nothing says whom to trust, the trust set says so already.
    if opened.trust.is_ok() {
        proven?;
    }
    let wanted = contents::private_keys(repository)?;
    if !wanted.keys().eq(public.keys.keys()) {
        return Err(stale("it does not hold the keys that keys.toml and pkeys.toml name".into()));
    }
    for (name, origin) in &wanted {
        let (reference, version) = &public.keys[name];
        let moved = *reference != origin.reference.to_string();
        if moved || local_version(opened, origin)?.is_some_and(|now| now != *version) {
            return Err(stale(format!("{name} has changed since")));
        }
    }
    for (name, bytes) in refresh::copies(repository)? {
        if inside.get(&SecretName::new(name.clone())?) != Some(&bytes[..]) {
            return Err(stale(format!("{name} has changed since")));
        }
    }
    let public_halves = public_halves(repository)?;
    for name in wanted.keys() {
        let bytes = inside.get(name).ok_or_else(|| stale(format!("{name} is not in it")))?;
        let fits = public_half(&SecretBytes::copy_of(bytes)).and_then(|line| PublicHalf::parse(&line));
        let known = public_halves.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let good = fits.is_ok_and(|half| known.iter().any(|known| known.is_same_key(&half)));
        drill.take(
            2,
            format!("escrow {name}"),
            if good {
                Ok(())
            } else {
                Err(Error::new("it is not the private half that keys.toml or pkeys.toml names")
                    .hint("`pkeys key list`"))
            },
        );
    }
    Ok(())
}

/// The public halves that a key of the escrow may have.
fn public_halves(repository: &Repository) -> Result<BTreeMap<String, Vec<PublicHalf>>> {
    let mut all: BTreeMap<String, Vec<PublicHalf>> = BTreeMap::new();
    let keys = UserKeys::load(repository)?;
    for key in keys.all() {
        all.insert(contents::user_entry(key), vec![key.public.clone()]);
    }
    for (name, host) in &repository.manifest().hosts {
        let ssh = |text: &&String| text.starts_with("ssh-") && text.parse::<Recipient>().is_ok();
        let halves: Vec<_> =
            host.recipients.iter().filter(ssh).filter_map(|text| PublicHalf::parse(text).ok()).collect();
        all.insert(format!("{}.next", contents::host_entry(name)), halves.clone());
        all.insert(contents::host_entry(name), halves);
    }
    Ok(all)
}
