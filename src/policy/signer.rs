//! Whom `pkeys.toml` calls what: the operator behind a signing key.

use crate::bundle::without_comment;
use crate::manifest::Repository;

/// Who signs here, as `pkeys.toml` calls them by this public line; `unknown` where it does not.
pub fn operator_named(repository: &Repository, line: Option<&str>) -> String {
    let known = line.and_then(|line| {
        repository
            .manifest()
            .signers
            .iter()
            .find(|(_, known)| without_comment(known) == without_comment(line))
            .map(|(name, _)| name.to_string())
    });
    known.unwrap_or_else(|| "unknown".into())
}

/// Whose signing key has this fingerprint, as `pkeys.toml` calls them; `unknown` where it does not.
pub fn operator_of(repository: &Repository, fingerprint: &str) -> String {
    let is = |line: &str| {
        crate::bundle::public_key(line)
            .is_ok_and(|key| key.fingerprint(ssh_key::HashAlg::Sha256).to_string() == fingerprint)
    };
    let known = repository.manifest().signers.iter().find(|(_, line)| is(line));
    known.map_or_else(|| "unknown".into(), |(name, _)| name.to_string())
}
