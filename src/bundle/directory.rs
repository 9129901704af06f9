//! A bundle's directory: three files, read and checked together.

use crate::base::{Error, HostName, Result, files};
use crate::bundle::{MAX_PAYLOAD, Manifest, Payload, Signers};
use std::path::Path;

/// The public manifest's file name.
pub const MANIFEST: &str = "manifest.json";
/// The signature's file name.
pub const SIGNATURE: &str = "manifest.json.sig";
/// The encrypted file's name.
pub const PAYLOAD: &str = "secrets.age";

/// The largest manifest and signature, in bytes.
const MAX_MANIFEST: usize = 16 * 1024 * 1024;
const MAX_SIGNATURE: usize = 64 * 1024;

/// The bytes of a bundle's three files. Nothing is known of them yet.
pub struct BundleFiles {
    /// `manifest.json`
    pub manifest: Vec<u8>,
    /// `manifest.json.sig`
    pub signature: Vec<u8>,
    /// `secrets.age`
    pub payload: Vec<u8>,
}

/// A manifest that a trusted signer signed for this host.
#[derive(Clone, Debug)]
pub struct Authentic {
    /// What it says.
    pub manifest: Manifest,
    /// The fingerprint of the key that signed it.
    pub signer: String,
}

impl BundleFiles {
    /// Reads a bundle; `None` when there is no bundle at `directory`.
    ///
    /// # Errors
    /// When a file is missing, too large or cannot be read.
    pub fn read(directory: &Path) -> Result<Option<Self>> {
        let Some(manifest) = files::read(&directory.join(MANIFEST), MAX_MANIFEST)? else {
            return Ok(None);
        };
        let need = |name: &str, limit| {
            let missing = || Error::new(format!("{} has no {name}", directory.display()));
            files::read(&directory.join(name), limit)?.ok_or_else(missing)
        };
        let signature = need(SIGNATURE, MAX_SIGNATURE)?;
        let payload = need(PAYLOAD, MAX_PAYLOAD)?;
        Ok(Some(Self { manifest, signature, payload }))
    }

    /// Replaces the bundle at `directory`, all three files or none.
    ///
    /// # Errors
    /// When it could not be written; then what was there is untouched.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let files = [(MANIFEST, &self.manifest[..]), (SIGNATURE, &self.signature), (PAYLOAD, &self.payload)];
        files::replace_directory(directory, &files)
    }

    /// Checks that a trusted signer signed the manifest, and that it is for `host`.
    ///
    /// # Errors
    /// Says which of it does not hold.
    pub fn authenticate(&self, host: &HostName, signers: &Signers) -> Result<Authentic> {
        let signer = signers.verify(&self.manifest, &self.signature)?;
        let manifest = Manifest::parse(&self.manifest)?;
        if manifest.host != *host {
            return Err(Error::new(format!("it is the bundle of {}, not of {host}", manifest.host))
                .hint("each host gets its own bundle: bundles/HOST"));
        }
        Ok(Authentic { manifest, signer })
    }

    /// [`Self::authenticate`], and that `secrets.age` is the file that the manifest names.
    ///
    /// # Errors
    /// Says which of it does not hold.
    pub fn verify(&self, host: &HostName, signers: &Signers) -> Result<Authentic> {
        let authentic = self.authenticate(host, signers)?;
        if Payload::of(&self.payload) != authentic.manifest.payload {
            return Err(Error::new("secrets.age is not the file that manifest.json names: it was changed or damaged"));
        }
        Ok(authentic)
    }
}
