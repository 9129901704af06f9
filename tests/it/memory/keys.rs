//! What is secret of keys, in the forms that may be in a program's memory.

use crate::common::{Sandbox, files_below};
use sha2::Digest;
use std::path::Path;

/// What is secret of a private Ed25519 key in OpenSSH's format: its seed, and the two halves that signing makes of it.
/// Without the bytes of the first half where it is clamped.
pub fn halves_of(private: &[u8]) -> Vec<Vec<u8>> {
    let key = ssh_key::PrivateKey::from_openssh(private).unwrap();
    let seed = key.key_data().ed25519().unwrap().private.to_bytes();
    let expanded = sha2::Sha512::digest(seed);
    [&seed[..], &expanded[1..31], &expanded[32..]].map(<[u8]>::to_vec).to_vec()
}

/// The secret part of the age keys below a directory: what is in their files, and what it stands for.
pub fn age_keys(directory: &Path) -> Vec<Vec<u8>> {
    let all = files_below(directory);
    let texts = all.iter().map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let lines: Vec<String> = texts.flat_map(|text| text.lines().map(Into::into).collect::<Vec<_>>()).collect();
    let keys = lines.iter().filter(|line| line.starts_with("AGE-SECRET-KEY-"));
    // What is before the last 1 is in every such key, and in the program.
    let keys = keys.flat_map(|line| [line.rsplit('1').next().unwrap().into(), bech32::decode(line).unwrap().1]);
    keys.collect()
}

/// All that is secret in an operator's configuration directory: age keys and the signing key.
pub fn operators_keys(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    let mut keys = age_keys(&sandbox.path("config"));
    assert_eq!(keys.len(), 2);
    keys.extend(halves_of(&std::fs::read(sandbox.path("config/signing-key")).unwrap()));
    keys
}
