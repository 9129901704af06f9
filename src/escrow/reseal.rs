//! A host lost its key: its bundle is sealed to a new one, from break-glass alone.
//!
//! What is signed here, hosts trust most. So everything comes from the verified trust set and a bundle that one of its signers
//! signed; what else the repository says (users' keys) is shown, and left out unless a person confirms it.

use crate::audit::{self, Action};
use crate::base::{Error, HostName, Result, UserName};
use crate::bundle::{self, Manifest, OpenBundle, Payload, Recipient, Signed, sha256_hex};
use crate::escrow::Opened;
use crate::grants::{self, Known};
use crate::keys::{UserKeys, authorized};
use crate::manifest::Repository;
use crate::render::{next_generation, now};
use crate::trust::Claim;
use std::collections::{BTreeMap, BTreeSet};

/// A key that logs a user in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login {
    /// The user on the host.
    pub user: UserName,
    /// The line of `authorized_keys`.
    pub line: String,
}

/// What is about to be sealed and signed: for a person to look at.
pub struct Reseal {
    /// The host.
    pub host: HostName,
    /// The name and fingerprint of who signed the bundle that it is made from.
    pub signer: String,
    /// That bundle's manifest.
    pub old: Manifest,
    /// The new generation.
    pub generation: u64,
    /// Who can open it: the new recipient and break-glass.
    pub recipients: Vec<Recipient>,
    /// The logins of `keys.toml` that the old bundle or the pins have, too.
    pub logins: BTreeSet<Login>,
    /// The logins of `keys.toml` that nothing proves.
    pub unproven: BTreeSet<Login>,
    /// The logins of the old bundle that `keys.toml` no longer has.
    pub gone: BTreeSet<Login>,
    /// The highest generation that was known.
    known: u64,
    contents: OpenBundle,
    recipient: Recipient,
}

impl Reseal {
    /// Verifies and opens a host's newest bundle. Writes nothing.
    ///
    /// # Errors
    /// If it is not known whom to trust, the bundle is not by one of them, or this clone knows a newer one.
    pub fn plan(opened: &Opened, host: &HostName, recipient: &Recipient) -> Result<Self> {
        let repository = opened.repository;
        let trust = opened.trust().map_err(|e| e.context("whose bundle may be signed again is not known"))?;
        let (contents, authentic) = opened.bundle(host)?;
        let restore = "restore the newest bundle that verifies from git's history";
        let authentic = authentic.map_err(|e| e.context(format!("the bundle of {host}")).hint(restore))?;
        let known = Known::of(repository, &trust.trusted, host)?;
        let in_history = grants::newest_in_history(repository, &trust.trusted, host)?;
        let highest = known.highest.max(in_history.map_or(0, |newest| newest.manifest.generation));
        let old = authentic.manifest;
        if old.generation < highest {
            return Err(Error::new(format!(
                "the bundle of {host} has generation {}, and a newer one is known: {highest}",
                old.generation
            ))
            .hint(restore));
        }
        let name = trust.set.signer_name(&authentic.signer).unwrap_or("a signer accepted on this machine");
        let now = logins(&authorized(repository.manifest(), &UserKeys::load(repository)?, host));
        let before = logins(&old.authorized_keys);
        let pins = repository.pins()?;
        let is_proven = |login: &&Login| before.contains(*login) || pins.accepts_while(&login.claim(host), highest);
        // The key in hand is one of break-glass; a new machine may not know more of them.
        let own = opened.identity.iter().filter_map(bundle::Identity::recipient);
        let recipients: BTreeSet<_> =
            trust.recipients.iter().chain(own).chain([recipient]).map(ToOwned::to_owned).collect();
        Ok(Self {
            host: host.clone(),
            signer: format!("{name} {}", authentic.signer),
            generation: next_generation(highest)?,
            known: highest,
            recipients: recipients.into_iter().collect(),
            logins: now.iter().filter(is_proven).cloned().collect(),
            unproven: now.iter().filter(|login| !is_proven(login)).cloned().collect(),
            gone: before.difference(&now).cloned().collect(),
            old,
            contents,
            recipient: recipient.clone(),
        })
    }
}

/// Seals and signs what was planned, with the logins that nothing proves only if `with_unproven`. The recipient becomes the
/// host's only one in `pkeys.toml`. `locked` is the same repository, locked since.
///
/// # Errors
/// If the bundle has changed meanwhile, the signing key cannot be opened, or a file cannot be written.
pub fn reseal(opened: &Opened, locked: &mut Repository, plan: &Reseal, with_unproven: bool) -> Result<()> {
    let (host, old) = (&plan.host, &plan.old);
    let in_tree = Signed::read(&locked.bundle(host))?.map(|signed| Manifest::parse(&signed.manifest)).transpose()?;
    if in_tree.as_ref() != Some(old) {
        return Err(Error::new(format!("the bundle of {host} has changed meanwhile")).hint("run it again"));
    }
    let key = opened.signing_key()?;
    let contents: Vec<_> =
        plan.contents.names().map(|name| (name, plan.contents.get(name).unwrap_or_default())).collect();
    let payload = bundle::encrypt(&bundle::pack(contents.iter().copied())?, &plan.recipients, age::NoCallbacks)?;
    let ids: BTreeSet<_> = plan.recipients.iter().map(|recipient| recipient.id().to_owned()).collect();
    let mut authorized_keys: BTreeMap<UserName, Vec<String>> = BTreeMap::new();
    let unproven = plan.unproven.iter().filter(|_| with_unproven);
    for Login { user, line } in plan.logins.iter().chain(unproven) {
        authorized_keys.entry(user.clone()).or_default().push(line.clone());
    }
    let manifest = Manifest {
        generation: plan.generation,
        created: now(),
        payload: Payload::of(&payload),
        break_glass: ids.iter().filter(|id| *id != plan.recipient.id()).cloned().collect(),
        recipients: ids.into_iter().collect(),
        authorized_keys,
        // Not what `render` would make: the next one renders anew.
        inputs: "break-glass".into(),
        ..old.clone()
    };
    let text = manifest.to_bytes();
    let signature = bundle::sign(&text, &key)?.into_bytes();
    let mut edit = locked.edit()?;
    edit.set_list(&["hosts", host.as_str()], "recipients", &[plan.recipient.to_string()])?;
    let action = Action::new("break-glass reseal").text("host", host).text("recipient", plan.recipient.id());
    audit::append(locked, &[action.number("generation", plan.generation)])?;
    grants::save_manifest_in_emergency(locked, &edit)?;
    bundle::write(&locked.bundle(host), &Signed { manifest: text.clone(), signature }, &payload)?;
    if locked.pins()?.is_empty() {
        return Ok(());
    }
    let seen = grants::as_seen(locked, &manifest, sha256_hex(&text), plan.known, false)?;
    locked.pins()?.settle(&[seen])
}

impl Login {
    fn claim(&self, host: &HostName) -> Claim {
        Claim::Key { host: host.clone(), user: self.user.clone(), line: self.line.clone() }
    }
}

fn logins(keys: &BTreeMap<UserName, Vec<String>>) -> BTreeSet<Login> {
    let of_user = |(user, lines): (&UserName, &Vec<String>)| {
        lines.iter().map(|line| Login { user: user.clone(), line: line.clone() }).collect::<Vec<_>>()
    };
    keys.iter().flat_map(of_user).collect()
}
