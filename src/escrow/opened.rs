//! Opening with a break-glass identity alone: no network, no 1Password, no operator's key.

use crate::base::files::{self, Beneath};
use crate::base::{Error, HostName, Result, SecretBytes, SecretName};
use crate::bundle::{self, Authentic, Identity, MAX_PAYLOAD, OpenBundle, Signed};
use crate::escrow::{ESCROW, enroll, file};
use crate::grants::Trusted;
use crate::manifest::Repository;
use ssh_key::PrivateKey;

/// A repository, and an identity that opens it.
pub struct Opened<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The identity; the only one that is tried.
    pub identity: [Identity; 1],
}

impl<'a> Opened<'a> {
    /// With an identity that is a break-glass recipient of the repository.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(repository: &'a Repository, identity: Identity) -> Result<Self> {
        let known = super::refresh::recipients(repository)?;
        if known.iter().any(|recipient| identity.public() == Some(recipient.id())) {
            return Ok(Self { repository, identity: [identity] });
        }
        let names: Vec<_> = known.iter().map(crate::break_glass::fingerprint).collect();
        Err(match names.is_empty() {
            true => Error::new("pkeys.toml names no break-glass recipient").hint("`pkeys break-glass init` makes one"),
            false => Error::new("that key is no break-glass recipient of pkeys.toml")
                .hint(format!("the sheet of this repository's key says: fingerprint {}", names.join(" or "))),
        })
    }

    /// A host's bundle, opened. Says too whether a signer of `pkeys.toml` signed it: on the worst day one that is not is
    /// still worth opening.
    ///
    /// # Errors
    /// When it is not there, damaged, or not sealed to the identity.
    pub fn bundle(&self, host: &HostName) -> Result<(OpenBundle, Result<Authentic>)> {
        let directory = self.repository.bundle(host);
        let signed = Signed::read(&directory)?.ok_or_else(|| Error::new(format!("{host} has no bundle")))?;
        let manifest = bundle::Manifest::parse(&signed.manifest)?;
        let authentic = Trusted::of(self.repository).and_then(|trusted| trusted.authenticate(host, &signed));
        let unproven = Authentic { manifest, signer: String::new() };
        let payload = unproven.payload(&directory)?;
        Ok((bundle::open(&payload, &unproven.manifest, &self.identity)?, authentic))
    }

    /// A local age secret.
    ///
    /// # Errors
    /// When it is not there, or cannot be opened.
    pub fn local(&self, name: &SecretName) -> Result<SecretBytes> {
        self.decrypt(&self.repository.secret_file(name))
    }

    /// What is in the escrow; nothing when there is none yet.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn escrow(&self) -> Result<OpenBundle> {
        bundle::unpack(self.decrypt(&file(self.repository, ESCROW))?)
    }

    /// The break-glass signing key.
    ///
    /// # Errors
    /// When it is not there, cannot be opened, or is not the one that `pkeys.toml` names.
    pub fn signing_key(&self) -> Result<PrivateKey> {
        let text = self.decrypt(&file(self.repository, enroll::SIGNING_KEY))?;
        let key = PrivateKey::from_openssh(text.expose())
            .map_err(|_| Error::new("the break-glass signing key is damaged"))?;
        let known = self.repository.manifest().signers.get(enroll::SIGNER);
        let same =
            known.is_some_and(|line| crate::bundle::Signers::parse(&[line]).is_ok_and(|s| s.trusts(key.public_key())));
        if same {
            Ok(key)
        } else {
            Err(Error::new("the break-glass signing key is not the one of [signers] in pkeys.toml"))
        }
    }

    fn decrypt(&self, path: &Beneath) -> Result<SecretBytes> {
        let missing = || Error::new(format!("there is no {}", path.display())).hint("restore it from git");
        let file = files::read(path, MAX_PAYLOAD)?.ok_or_else(missing)?;
        bundle::decrypt(&file, &self.identity, MAX_PAYLOAD).map_err(|e| e.context(path.display()))
    }
}
