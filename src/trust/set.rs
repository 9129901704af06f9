//! `break-glass/trust.json`: the trust set of a fleet, signed by the break-glass signing key.
//!
//! On the worst day a machine has no pins. The sheet has the fleet id and the fingerprint of the key that signed this file,
//! and from this file follows who signs bundles and who can open everything.

use super::Claim;
use crate::base::{Error, FleetId, OperatorName, Result};
use crate::bundle::{Recipient, Signers, TRUST_NAMESPACE, claimed_signer, public_key, sign_as, without_comment};
use serde::{Deserialize, Serialize};
use ssh_key::{HashAlg, PrivateKey};
use std::collections::{BTreeMap, BTreeSet};

const FORMAT: &str = "pkeys-trust/1";
/// What errors call the file.
const FILE: &str = "trust.json";

/// Who signs bundles and who can open everything, as the break-glass signing key signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrustSet {
    format: String,
    /// The fleet.
    pub fleet: FleetId,
    /// When it was signed: RFC 3339, UTC.
    pub date: String,
    /// The signers' OpenSSH public keys by name, without comments.
    pub signers: BTreeMap<OperatorName, String>,
    /// The operators' recipients by name.
    pub operators: BTreeMap<OperatorName, Vec<String>>,
    /// The break-glass recipients.
    pub break_glass: Vec<String>,
    /// The SHA-256 of `signing-key.age`, in hexadecimal: nobody without the break-glass key can tell another one from it.
    pub signing_key: String,
}

impl TrustSet {
    /// Of what `pkeys.toml` says.
    pub fn new(
        fleet: FleetId,
        date: String,
        signers: &BTreeMap<OperatorName, String>,
        operators: &BTreeMap<OperatorName, Vec<String>>,
        break_glass: &[String],
        signing_key: String,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            fleet,
            date,
            signers: signers.iter().map(|(name, line)| (name.clone(), without_comment(line))).collect(),
            operators: operators.clone(),
            break_glass: break_glass.to_vec(),
            signing_key,
        }
    }

    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a trust set has only names and keys");
        bytes.push(b'\n');
        bytes
    }

    /// Signs it: the armored text of `trust.json.sig`.
    ///
    /// # Errors
    /// If the key cannot sign.
    pub fn sign(&self, key: &PrivateKey) -> Result<String> {
        sign_as(TRUST_NAMESPACE, &self.to_bytes(), key)
    }

    /// Verifies that the key with this SHA-256 fingerprint signed a trust set of this fleet.
    ///
    /// # Errors
    /// Says which check failed.
    pub fn verify(bytes: &[u8], signature: &[u8], fleet: &FleetId, signer: &str) -> Result<Self> {
        let key = claimed_signer(FILE, signature)?;
        let found = key.fingerprint(HashAlg::Sha256).to_string();
        if found != signer {
            return Err(Error::new(format!("{FILE} is signed by {found}, not by the break-glass signer {signer}")));
        }
        let signers = Signers::parse(&[key.to_openssh().unwrap_or_default()])?;
        signers.verify_as(TRUST_NAMESPACE, FILE, bytes, signature)?;
        let set: Option<Self> = serde_json::from_slice(bytes).ok();
        let set = set.filter(|set| set.format == FORMAT);
        let set = set.ok_or_else(|| Error::new(format!("{FILE} has an unknown format")).hint("use a newer pkeys"))?;
        if set.fleet != *fleet {
            return Err(Error::new(format!("{FILE} is of another fleet: {}, not {fleet}", set.fleet)));
        }
        Ok(set)
    }

    /// Its members, as pins name them.
    pub fn claims(&self) -> BTreeSet<Claim> {
        let id = |text: &String| text.parse::<Recipient>().ok().map(|recipient| recipient.id().to_owned());
        let signers = self.signers.iter().map(|(name, key)| Claim::Signer { name: name.clone(), key: key.clone() });
        let operators = self.operators.iter().flat_map(|(name, keys)| {
            keys.iter().filter_map(id).map(|recipient| Claim::Operator { name: name.clone(), recipient })
        });
        let break_glass = self.break_glass.iter().filter_map(id).map(|recipient| Claim::BreakGlass { recipient });
        signers.chain(operators).chain(break_glass).collect()
    }

    /// The name of the signer with this fingerprint.
    pub fn signer_name(&self, fingerprint: &str) -> Option<&str> {
        let is_it =
            |line: &str| public_key(line).is_ok_and(|key| key.fingerprint(HashAlg::Sha256).to_string() == fingerprint);
        self.signers.iter().find(|(_, line)| is_it(line)).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::{Algorithm, rand_core::OsRng};

    fn key() -> PrivateKey {
        PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap()
    }

    fn set(fleet: &FleetId) -> TrustSet {
        let signers = BTreeMap::from([(OperatorName::new("ann").unwrap(), key().public_key().to_openssh().unwrap())]);
        TrustSet::new(fleet.clone(), "2026-11-23T00:00:00Z".into(), &signers, &BTreeMap::new(), &[], "00".into())
    }

    #[test]
    fn it_is_valid_with_its_signer_fleet_and_bytes_alone() {
        let (signer, fleet) = (key(), FleetId::random());
        let set = set(&fleet);
        let (bytes, signature) = (set.to_bytes(), set.sign(&signer).unwrap().into_bytes());
        let fingerprint = signer.public_key().fingerprint(HashAlg::Sha256).to_string();
        assert_eq!(TrustSet::verify(&bytes, &signature, &fleet, &fingerprint).unwrap(), set);
        let fails = |bytes: &[u8], signature: &[u8], fleet: &FleetId, signer: &str, why: &str| {
            let error = TrustSet::verify(bytes, signature, fleet, signer).unwrap_err();
            assert!(error.message().contains(why), "{error}");
        };
        fails(&bytes, &signature, &FleetId::random(), &fingerprint, "another fleet");
        let other = key().public_key().fingerprint(HashAlg::Sha256).to_string();
        fails(&bytes, &signature, &fleet, &other, "not by the break-glass signer");
        let changed = String::from_utf8(bytes.clone()).unwrap().replace("ann", "bob").into_bytes();
        fails(&changed, &signature, &fleet, &fingerprint, "does not fit trust.json");
        // The same key in another namespace: a bundle is no trust set.
        let bundle = sign_as(crate::bundle::NAMESPACE, &bytes, &signer).unwrap();
        fails(&bytes, bundle.as_bytes(), &fleet, &fingerprint, "something else than pkeys-trust");
    }
}
