//! The question before anything takes effect that somebody else has written.

use crate::base::{Error, HostName, Result};
use crate::cli::context::Context;
use crate::grants;
use crate::manifest::Repository;
use crate::trust::{Claim, trust_set_fingerprint};
use std::collections::BTreeMap;

/// How many lines are asked about at once: what has left the screen was not seen.
const AT_ONCE: usize = 40;

/// Asks whether to accept what these hosts would get, and what the fleet claims, if somebody else wrote it. With `accept`,
/// new grants are accepted without a question; new members of the trust set never are.
///
/// # Errors
/// If the answer is no, or nobody can be asked; then nothing is accepted.
pub(super) fn settle(context: &Context, repository: &Repository, hosts: &[HostName], accept: bool) -> Result<()> {
    grants::forget_removed(repository)?;
    let claims = grants::unaccepted(repository, hosts)?;
    if claims.is_empty() {
        return Ok(());
    }
    let of_trust_set = claims.iter().any(Claim::is_of_trust_set);
    let lines = lines(repository, &claims)?;
    if accept && !of_trust_set {
        context.ui.note("Accepted on this machine:");
        show(context, &lines);
        return grants::accept(repository, &claims);
    }
    let pages: Vec<_> = lines.chunks(AT_ONCE).collect();
    for (at, page) in pages.iter().enumerate() {
        context.ui.note("Not accepted on this machine yet:");
        show(context, page);
        if of_trust_set && at == 0 {
            context.ui.note(&format!("Trust set of this fleet: {}", fingerprint(repository)?));
            context.ui.note("Compare it with `pkeys trust show` on a machine that has accepted it.");
        }
        let question = match pages.len() {
            1 => "Accept all of this?".to_owned(),
            all => format!("Accept these {} (part {} of {all})?", page.len(), at + 1),
        };
        match context.prompt.confirm(&question) {
            Some(true) => {}
            Some(false) => {
                return Err(Error::new("not accepted; nothing changed")
                    .hint("`pkeys log` and git say who added it; take it out of pkeys.toml or keys.toml"));
            }
            None => {
                if let Some(more) = lines.len().checked_sub(AT_ONCE).filter(|more| *more > 0) {
                    context.ui.note(&format!("  and {more} more; `pkeys trust show --json` has all"));
                }
                return Err(unasked(of_trust_set));
            }
        }
    }
    grants::accept(repository, &claims)
}

fn unasked(of_trust_set: bool) -> Error {
    if of_trust_set {
        Error::new("the trust set of this fleet is not accepted on this machine, and there is no terminal")
            .hint("compare `pkeys trust show` with another machine, then `pkeys trust accept FINGERPRINT`")
    } else {
        Error::new("others have added grants, and there is no terminal to confirm them")
            .hint("look at `pkeys render --dry-run`, then add --accept")
    }
}

/// Shows claims that nobody has accepted: one line for each, the same one for several hosts once.
///
/// # Errors
/// If the pins cannot be read.
pub(super) fn show_unaccepted(context: &Context, repository: &Repository, claims: &[Claim]) -> Result<()> {
    show(context, &lines(repository, claims)?);
    Ok(())
}

fn show(context: &Context, lines: &[String]) {
    lines.iter().for_each(|line| context.ui.note(&format!("  {line}")));
}

/// What could do most harm first: who signs and reads everything, then what hosts that are in use would get.
fn lines(repository: &Repository, claims: &[Claim]) -> Result<Vec<String>> {
    let pins = repository.pins()?;
    let mut hosts: BTreeMap<_, Vec<&HostName>> = BTreeMap::new();
    for claim in claims {
        let rank = match claim {
            _ if claim.is_of_trust_set() => 0,
            Claim::Recipient { host, .. } | Claim::Secret { host, .. } | Claim::Key { host, .. }
                if pins.generation(host) == 0 =>
            {
                4
            }
            Claim::Recipient { .. } => 1,
            Claim::Key { .. } => 2,
            _ => 3,
        };
        hosts.entry((rank, claim.to_string())).or_default().extend(claim.host());
    }
    let line = |((_, claim), hosts): (_, Vec<&HostName>)| {
        let hosts: Vec<_> = hosts.into_iter().map(HostName::as_str).collect();
        if hosts.is_empty() { claim } else { format!("{}: {claim}", hosts.join(", ")) }
    };
    Ok(hosts.into_iter().map(line).collect())
}

/// The fingerprint of what `pkeys.toml` says of the trust set.
///
/// # Errors
/// If there is no fleet id.
pub(super) fn fingerprint(repository: &Repository) -> Result<String> {
    Ok(trust_set_fingerprint(repository.fleet()?, &repository.manifest().fleet_claims()))
}
