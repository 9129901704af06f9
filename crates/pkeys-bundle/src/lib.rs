//! What both programs of pkeys share: names, errors, secret bytes, and the bundle: its format, sealing, opening and signing.
//!
//! It knows neither program. `base` imports nothing from the rest.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

mod age_file;
mod archive;
pub mod base;
pub mod bech32;
mod directory;
#[cfg(any(test, fuzzing, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
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
pub mod wire;

pub use age_file::{decrypt, encrypt, lock};
pub use archive::{MAX_PAYLOAD, pack};
pub use directory::{Authentic, MANIFEST, PAYLOAD, SIGNATURE, Signed, remove, unproven, write};
pub use identity::Identity;
pub use manifest::{FORMAT_1, FORMAT_2, MAX_GENERATION, Manifest, NEW_HOST_KEY, Payload, SecretEntry, sha256_hex};
pub use open::{OpenBundle, open, unpack};
pub use plugins::{AnyPlugin, Callbacks};
pub use recipient::{Recipient, check_mixture};
pub use replaces::{REPLACES, Replaces};
pub use signature::{
    ESCROW_NAMESPACE, NAMESPACE, STATEMENT_NAMESPACE, Signers, TRUST_NAMESPACE, claimed_signer, public_key,
    rsa_private_key, sign, sign_as, without_comment,
};
