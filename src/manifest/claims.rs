//! What a `pkeys.toml` claims: who signs, who can read, and what each host gets, but for users' keys.

use crate::base::{HostName, SecretName, UserName};
use crate::bundle::{NEW_HOST_KEY, Recipient, without_comment};
use crate::manifest::{Manifest, Origin, SourceKind, Store};
use crate::source::Reference;
use crate::trust::Claim;
use std::collections::BTreeSet;

impl Manifest {
    /// Claims about the whole fleet. Keys that do not parse make none: nothing is encrypted to them.
    pub fn fleet_claims(&self) -> Vec<Claim> {
        let mut claims: Vec<_> =
            self.signer_claims().chain(self.operator_claims()).chain(self.break_glass_claims()).collect();
        let host_keys = self.hosts.values().flat_map(|host| [&host.host_key, &host.next_host_key]).flatten();
        let named = self.secrets.values().map(|secret| (&secret.from, secret.source.as_ref()));
        claims.extend(
            named.chain(host_keys.map(|reference| (reference, None))).filter_map(|(r, source)| self.vault(r, source)),
        );
        claims.extend(self.users.keys().filter_map(|user| self.key_vault(user)));
        claims.sort();
        claims.dedup();
        claims
    }

    /// Who signs bundles.
    pub fn signer_claims(&self) -> impl Iterator<Item = Claim> {
        self.signers.iter().map(|(name, line)| Claim::Signer { name: name.clone(), key: without_comment(line) })
    }

    /// Who can open local secrets.
    pub fn operator_claims(&self) -> impl Iterator<Item = Claim> {
        self.operators.iter().flat_map(|(name, keys)| {
            let recipients = keys.iter().filter_map(|key| recipient_id(key));
            recipients.map(|recipient| Claim::Operator { name: name.clone(), recipient })
        })
    }

    /// The break-glass recipients.
    pub fn break_glass_claims(&self) -> impl Iterator<Item = Claim> {
        self.break_glass_ids().into_iter().map(|recipient| Claim::BreakGlass { recipient })
    }

    /// The break-glass recipients as bundles name them, sorted.
    pub fn break_glass_ids(&self) -> BTreeSet<String> {
        self.break_glass.recipients.iter().filter_map(|key| recipient_id(key)).collect()
    }

    /// What a host gets, but for users' keys.
    pub fn host_claims(&self, host: &HostName) -> Vec<Claim> {
        let own = self.recipient_ids(host).into_iter();
        let mut claims: Vec<_> = own.map(|recipient| Claim::Recipient { host: host.clone(), recipient }).collect();
        let new_key = self.host_key_for(host).and_then(|key| Some((SecretName::new(NEW_HOST_KEY).ok()?, key, None)));
        let secrets = self.secrets_of(host).map(|(name, secret)| (name.clone(), &secret.from, secret.source.clone()));
        claims.extend(secrets.chain(new_key).map(|(name, reference, source)| Claim::Secret {
            host: host.clone(),
            name,
            reference: reference.to_string(),
            source,
        }));
        claims
    }

    /// A host's own recipients as bundles name them. A break-glass recipient that stands there, too, is accepted as such.
    pub fn recipient_ids(&self, host: &HostName) -> BTreeSet<String> {
        let Some(settings) = self.hosts.get(host) else { return BTreeSet::new() };
        let break_glass = self.break_glass_ids();
        settings.recipients.iter().filter_map(|key| recipient_id(key)).filter(|id| !break_glass.contains(id)).collect()
    }

    /// The vault that a reference reads.
    pub fn vault(&self, reference: &Reference, source: Option<&String>) -> Option<Claim> {
        let Reference::Op(op) = reference else { return None };
        let store = match Origin::find(self, reference, source) {
            Ok(origin) => self.store(&origin.source),
            Err(_) => self.only_store(),
        };
        Some(Claim::Vault { store, vault: op.vault.clone() })
    }

    /// The vault that keeps the private keys that pkeys makes for a user, if it is no local file.
    pub fn key_vault(&self, user: &UserName) -> Option<Claim> {
        match &self.users.get(user)?.store {
            Some(Store::Op(vault)) => Some(Claim::Vault { store: self.only_store(), vault: vault.clone() }),
            _ => None,
        }
    }

    /// What a source of this name reads from, for a person to recognise.
    fn store(&self, source: &str) -> String {
        let url = self.sources.get(source).and_then(|settings| settings.url.as_deref());
        format!("connect {}", url.unwrap_or("OP_CONNECT_HOST").trim_end_matches('/'))
    }

    fn only_store(&self) -> String {
        let source = self.sources.iter().find(|(_, settings)| settings.kind == SourceKind::Connect);
        self.store(source.map_or("connect", |(name, _)| name))
    }
}

fn recipient_id(key: &str) -> Option<String> {
    key.parse::<Recipient>().ok().map(|recipient| recipient.id().to_owned())
}
