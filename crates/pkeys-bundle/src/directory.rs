//! A bundle's directory: the public half, which proves itself, and the encrypted half, which the public half names.

use crate::base::files::{self, Place};
use crate::base::{Error, FleetId, HostName, Result};
use crate::{MAX_PAYLOAD, Manifest, Payload, Signers};

/// The public manifest's file name.
pub const MANIFEST: &str = "manifest.json";
/// The signature's file name.
pub const SIGNATURE: &str = "manifest.json.sig";
/// The encrypted file's name.
pub const PAYLOAD: &str = "secrets.age";

/// The largest manifest and signature, in bytes.
pub(super) const MAX_MANIFEST: usize = 16 * 1024 * 1024;
pub(super) const MAX_SIGNATURE: usize = 64 * 1024;

/// A bundle's public half: the bytes of `manifest.json` and its signature. Nothing is known of them yet.
pub struct Signed {
    /// `manifest.json`
    pub manifest: Vec<u8>,
    /// `manifest.json.sig`
    pub signature: Vec<u8>,
}

/// A manifest that a trusted signer signed for this host.
#[derive(Clone, Debug)]
pub struct Authentic {
    /// What it says.
    pub manifest: Manifest,
    /// The fingerprint of the key that signed it.
    pub signer: String,
}

impl Signed {
    /// Reads a bundle's public half; `None` when there is no bundle at `directory`.
    ///
    /// # Errors
    /// When a file is missing, too large or cannot be read.
    pub fn read(directory: &(impl Place + ?Sized)) -> Result<Option<Self>> {
        let Some(manifest) = files::read(&directory.child(MANIFEST), MAX_MANIFEST)? else {
            return Ok(None);
        };
        let signature = need(directory, SIGNATURE, MAX_SIGNATURE)?;
        Ok(Some(Self { manifest, signature }))
    }

    /// Checks that a trusted signer signed the manifest, and that it is for `host`.
    ///
    /// With a `fleet`, a bundle of another fleet is refused. A format 1 bundle names no fleet and is accepted: whether it
    /// may be used is up to the caller, who must rank it below every format 2 bundle. Without a `fleet`, a bundle of any
    /// fleet is accepted.
    ///
    /// # Errors
    /// Says which check failed.
    pub fn authenticate(&self, host: &HostName, fleet: Option<&FleetId>, signers: &Signers) -> Result<Authentic> {
        let signer = signers.verify(&self.manifest, &self.signature)?;
        let manifest = Manifest::parse(&self.manifest)?;
        if manifest.host != *host {
            return Err(Error::new(format!("it is the bundle of {}, not of {host}", manifest.host))
                .hint("each host gets its own bundle: bundles/HOST"));
        }
        let authentic = Authentic { manifest, signer };
        match fleet {
            Some(fleet) => authentic.check_fleet(fleet).map(|()| authentic),
            None => Ok(authentic),
        }
    }

    /// [`Self::authenticate`], and checks that the encrypted file in the same directory is the one the manifest names.
    ///
    /// # Errors
    /// Says which check failed.
    pub fn verify(
        &self,
        directory: &(impl Place + ?Sized),
        host: &HostName,
        fleet: Option<&FleetId>,
        signers: &Signers,
    ) -> Result<Authentic> {
        let authentic = self.authenticate(host, fleet, signers)?;
        authentic.payload(directory).map(|_| authentic)
    }
}

impl Authentic {
    /// Checks that the bundle is of this fleet, or of format 1.
    ///
    /// # Errors
    /// If it names another fleet.
    pub fn check_fleet(&self, fleet: &FleetId) -> Result<()> {
        match &self.manifest.fleet {
            Some(other) if other != fleet => Err(Error::new(format!(
                "it is a bundle of another fleet: {other}, not {fleet}"
            ))
            .hint("it was rendered from another repository; the `fleet` of pkeys.toml and of the host must be one")),
            _ => Ok(()),
        }
    }

    /// Reads the encrypted half of the same bundle, and checks that it is the one that the manifest names.
    ///
    /// # Errors
    /// When it is missing, too large, cannot be read, or is another.
    pub fn payload(&self, directory: &(impl Place + ?Sized)) -> Result<Vec<u8>> {
        let payload = need(directory, PAYLOAD, MAX_PAYLOAD)?;
        self.check(&payload).map(|()| payload)
    }

    /// Checks that these bytes are the encrypted half that the manifest names.
    ///
    /// # Errors
    /// When they are not.
    pub fn check(&self, payload: &[u8]) -> Result<()> {
        if Payload::of(payload) == self.manifest.payload {
            return Ok(());
        }
        Err(Error::new("secrets.age is not the file that manifest.json names: it was changed or damaged"))
    }
}

/// The manifest at `directory` of a bundle that is not whole, if it can be understood. Nobody proved it: for its number alone.
///
/// # Errors
/// When it cannot be read.
pub fn unproven(directory: &(impl Place + ?Sized)) -> Result<Option<Manifest>> {
    let bytes = files::read(&directory.child(MANIFEST), MAX_MANIFEST)?;
    Ok(bytes.and_then(|bytes| Manifest::parse(&bytes).ok()))
}

/// Replaces the bundle at `directory`, all three files or none.
///
/// # Errors
/// When what is there holds anything but a bundle, or it could not be written; then what was there is untouched.
pub fn write(directory: &(impl Place + ?Sized), signed: &Signed, payload: &[u8]) -> Result<()> {
    let files = [(MANIFEST, &signed.manifest[..]), (SIGNATURE, &signed.signature), (PAYLOAD, payload)];
    files::replace_directory(directory, &files)
}

/// Removes the bundle at `directory`. Returns false if it does not exist.
///
/// # Errors
/// When what is there holds anything but a bundle, or it could not be removed.
pub fn remove(directory: &(impl Place + ?Sized)) -> Result<bool> {
    files::remove_directory(directory, &[MANIFEST, SIGNATURE, PAYLOAD])
}

fn need(directory: &(impl Place + ?Sized), name: &str, limit: usize) -> Result<Vec<u8>> {
    let missing = || Error::new(format!("{} has no {name}", directory.shown().display()));
    files::read(&directory.child(name), limit)?.ok_or_else(missing)
}
