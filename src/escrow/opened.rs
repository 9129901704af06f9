//! Opening with a break-glass identity alone: no network, no 1Password, no operator's key.

use crate::base::files::{self, Beneath};
use crate::base::{Error, HostName, Result, SecretBytes, SecretName};
use crate::break_glass::{TypedAnchor, fingerprint};
use crate::bundle::{self, Authentic, Identity, MAX_PAYLOAD, OpenBundle, Signed, Signers};
use crate::escrow::{ESCROW, enroll, file, refresh, signature, trust::Trust};
use crate::grants::statement;
use crate::manifest::Repository;
use crate::source::Version;
use ssh_key::{HashAlg, PrivateKey};

/// A repository, and an identity that opens it.
pub struct Opened<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The identity; the only one that is tried.
    pub identity: [Identity; 1],
    /// Whom to trust, or why that is not known: then what opens is opened all the same, and nothing is signed.
    pub trust: Result<Trust>,
}

impl<'a> Opened<'a> {
    /// With an identity that is a break-glass recipient, and what was typed of the sheet's lines about signers.
    ///
    /// # Errors
    /// If it is not one.
    pub fn new(repository: &'a Repository, identity: Identity, typed: &TypedAnchor) -> Result<Self> {
        let trust = Trust::establish(repository, typed);
        let mut known = refresh::recipients(repository)?;
        known.extend(trust.iter().flat_map(|trust| trust.recipients.iter().cloned()));
        if known.iter().any(|recipient| identity.public() == Some(recipient.id())) {
            return Ok(Self { repository, identity: [identity], trust });
        }
        let names: Vec<_> = known.iter().map(fingerprint).collect();
        Err(match names.is_empty() {
            true => Error::new("pkeys.toml names no break-glass recipient").hint("`pkeys break-glass init` makes one"),
            false => Error::new("that key is no break-glass recipient of pkeys.toml")
                .hint(format!("the sheet of this repository's key says: fingerprint {}", names.join(" or "))),
        })
    }

    /// Whom to trust.
    ///
    /// # Errors
    /// If nothing says so.
    pub fn trust(&self) -> Result<&Trust> {
        self.trust.as_ref().map_err(Clone::clone)
    }

    /// A host's bundle, opened. Also returns whether a trusted signer signed it: on the worst day one that is not is still
    /// worth opening.
    ///
    /// # Errors
    /// If it is missing, damaged, or not encrypted to the identity.
    pub fn bundle(&self, host: &HostName) -> Result<(OpenBundle, Result<Authentic>)> {
        let directory = self.repository.bundle(host);
        let signed = Signed::read(&directory)?.ok_or_else(|| Error::new(format!("{host} has no bundle")))?;
        let manifest = bundle::Manifest::parse(&signed.manifest)?;
        let authentic = self.trust().and_then(|trust| trust.trusted.authenticate(host, &signed));
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

    /// The version of a local secret, once it is known who wrote it; `None` if there is no such file.
    ///
    /// # Errors
    /// If nobody who is trusted vouches for it.
    pub fn version(&self, name: &SecretName) -> Result<Option<Version>> {
        let Some(file) = files::read(&self.repository.secret_file(name), MAX_PAYLOAD)? else { return Ok(None) };
        // The pins know former signers, and what this machine wrote.
        if let Ok(version) = statement::version_of(self.repository, name, &file) {
            return Ok(Some(version));
        }
        let signers: &Signers = &self.trust()?.trusted.signers;
        statement::version_by(self.repository, signers, name, &file).map(Some)
    }

    /// What is in the escrow. Also returns whether a trusted signer signed it: on the worst day one that is not is still worth
    /// opening.
    ///
    /// # Errors
    /// If it is missing or cannot be opened.
    pub fn escrow(&self) -> Result<(OpenBundle, Result<()>)> {
        let path = file(self.repository, ESCROW);
        let sealed = read(&path)?;
        let proven = self.trust().and_then(|trust| signature::verify(self.repository, &trust.trusted.signers, &sealed));
        Ok((bundle::unpack(self.open(&path, &sealed)?)?, proven))
    }

    /// The break-glass signing key.
    ///
    /// # Errors
    /// If it is missing, cannot be opened, or is not the one that the sheet or the pins name.
    pub fn signing_key(&self) -> Result<PrivateKey> {
        self.signing_key_of(&self.trust()?.anchor.signer)
    }

    /// The break-glass signing key with this fingerprint.
    ///
    /// # Errors
    /// If it is missing, cannot be opened, or is another.
    pub(super) fn signing_key_of(&self, signer: &str) -> Result<PrivateKey> {
        let text = self.decrypt(&file(self.repository, enroll::SIGNING_KEY))?;
        let key = PrivateKey::from_openssh(text.expose())
            .map_err(|_| Error::new("the break-glass signing key is damaged").hint("restore it from git"))?;
        let found = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        if found == signer {
            return Ok(key);
        }
        Err(Error::new(format!("{} holds the key {found}, not the break-glass signer {signer}", enroll::SIGNING_KEY))
            .hint("restore it from git; `git log break-glass` says who changed it"))
    }

    fn decrypt(&self, path: &Beneath) -> Result<SecretBytes> {
        self.open(path, &read(path)?)
    }

    fn open(&self, path: &Beneath, sealed: &[u8]) -> Result<SecretBytes> {
        bundle::decrypt(sealed, &self.identity, MAX_PAYLOAD).map_err(|e| e.context(path.display()))
    }
}

fn read(path: &Beneath) -> Result<Vec<u8>> {
    let missing = || Error::new(format!("there is no {}", path.display())).hint("restore it from git");
    files::read(path, MAX_PAYLOAD)?.ok_or_else(missing)
}
