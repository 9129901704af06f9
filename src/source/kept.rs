//! Where the private halves of user keys are kept: written, read back and compared.

use crate::base::{KeyLabel, Result, SecretBytes, SecretName, UserName};
use crate::source::Reference;

/// Which user's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPlace {
    /// Whom it logs in.
    pub user: UserName,
    /// Which of the user's keys: `laptop`, `phone`.
    pub label: KeyLabel,
}

/// What the names of files with users' private keys start with.
const FILE_NAME: &str = "ssh-user-key.";

impl KeyPlace {
    /// Whether a local secret is a user's private key.
    pub fn is_file_name(name: &SecretName) -> bool {
        name.as_str().starts_with(FILE_NAME)
    }

    /// What files with its key are called: one name for each place.
    pub fn file_name(&self) -> String {
        let doubled = |name: &str| name.replace('.', "..");
        format!("{FILE_NAME}{}.{}", doubled(self.user.as_str()), doubled(self.label.as_str()))
    }
}

/// A key pair as it is kept.
#[derive(Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// The private half in OpenSSH's format, without a passphrase.
    pub private: SecretBytes,
    /// The public half: `ssh-ed25519 AAAA… comment`.
    pub public: String,
    /// When it was made: RFC 3339, a date in UTC.
    pub created: String,
}

/// All that is kept for one place. During a rotation there are two keys; afterwards the old one is kept for a while.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyRecord {
    /// The newest key.
    pub current: Option<KeptKey>,
    /// The one before it, until the rotation is over.
    pub previous: Option<KeptKey>,
    /// One that is not authorized any more, and the date (RFC 3339, UTC) from which it may be deleted.
    pub archived: Option<(KeptKey, String)>,
}

impl KeyRecord {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.current.is_none() && self.previous.is_none() && self.archived.is_none()
    }
}

/// A place that keeps private halves of user keys.
pub trait KeyStore {
    /// What is kept; `None` when nothing is.
    ///
    /// # Errors
    /// When it cannot be read, or is not what pkeys wrote.
    fn read(&self, place: &KeyPlace) -> Result<Option<KeyRecord>>;

    /// Keeps exactly this: written, read back and compared. An empty record removes what was kept.
    ///
    /// # Errors
    /// When that is not proven; then what was kept before, or the new, or both can be read, and writing again is safe.
    fn write(&self, place: &KeyPlace, record: &KeyRecord) -> Result<()>;

    /// The reference that the current private half can be read at.
    ///
    /// # Errors
    /// When the place's names are too long for it.
    fn reference(&self, place: &KeyPlace) -> Result<Reference>;

    /// The reference that the previous private half can be read at, while there is one.
    ///
    /// # Errors
    /// As [`Self::reference`].
    fn previous_reference(&self, place: &KeyPlace) -> Result<Reference>;
}
