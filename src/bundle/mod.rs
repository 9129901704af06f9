//! The bundle: its format, sealing, opening and signing. The one room that both programs share; it knows neither.
//!
//! May import `base` only.

mod age_file;
mod archive;
pub mod bech32;
mod directory;
#[cfg(all(any(test, fuzzing), feature = "operator"))]
pub(crate) mod fuzzing;
mod header;
pub mod hybrid;
pub mod identity;
mod manifest;
mod open;
mod plugins;
mod recipient;
mod replaces;
mod signature;
pub mod transport;

pub use age_file::{decrypt, encrypt, lock};
pub use archive::{MAX_PAYLOAD, pack};
pub use directory::{Authentic, MANIFEST, PAYLOAD, SIGNATURE, Signed, remove, unproven, write};
pub use identity::Identity;
pub use manifest::{FORMAT_1, FORMAT_2, MAX_GENERATION, Manifest, NEW_HOST_KEY, Payload, SecretEntry, sha256_hex};
pub use open::{OpenBundle, open, unpack};
pub use plugins::{AnyPlugin, Callbacks};
pub use recipient::{Recipient, check_mixture};
pub use replaces::{REPLACES, Replaces};
#[cfg(feature = "operator")]
pub(crate) use signature::rsa_private_key;
pub use signature::{
    ESCROW_NAMESPACE, NAMESPACE, STATEMENT_NAMESPACE, Signers, TRUST_NAMESPACE, claimed_signer, public_key, sign,
    sign_as, without_comment,
};
