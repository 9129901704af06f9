//! Splitting a break-glass key among holders, and putting it together again: Shamir's scheme by `vsss-rs`, over
//! GF(2⁸) with AES's polynomial, byte by byte, as HashiCorp Vault does it.

use super::{BreakGlassIdentity, Share};
use crate::base::{Error, Result, SecretBytes};
use getrandom::{SysRng, rand_core::UnwrapErr};
use vsss_rs::Gf256;
use zeroize::Zeroize;

/// More holders than this nobody keeps track of.
pub const MAX_SHARES: u8 = 16;

/// Splits a key into `count` shares of which any `threshold` open it, and fewer say nothing of it.
///
/// # Errors
/// When the numbers make no sense: 2 ≤ `threshold` ≤ `count` ≤ [`MAX_SHARES`].
pub fn split(key: &BreakGlassIdentity, threshold: u8, count: u8) -> Result<Vec<Share>> {
    if threshold < 2 || count < threshold || count > MAX_SHARES {
        return Err(Error::new(format!("a key cannot be shared {threshold}-of-{count}"))
            .hint(format!("at least 2 shares open it, and at most {MAX_SHARES} are made: 3-of-5, for example")));
    }
    let scalar = key.scalar()?;
    let points = Gf256::split_bytes(threshold.into(), count.into(), scalar.expose(), UnwrapErr(SysRng))
        .map_err(|_| Error::new("the key could not be shared"))?;
    let points = points.into_iter().map(SecretBytes::new);
    let shares: Vec<_> =
        points.map(|point| Share::new(key, threshold, count, point.expose())).collect::<Result<_>>()?;
    // Proven before anybody relies on it.
    if combine(&shares)?.text() == key.text() { Ok(shares) } else { Err(Error::new("the key could not be shared")) }
}

/// Puts a key together from its shares, in any order; more than are needed may be given.
///
/// # Errors
/// When they are too few, the same twice, or not of one key; the share is named by its number.
pub fn combine(shares: &[Share]) -> Result<BreakGlassIdentity> {
    let first = of_one_key(shares)?;
    let needed = usize::from(first.threshold());
    if shares.len() < needed {
        let more = needed - shares.len();
        let given = if shares.len() == 1 { "is 1 share".into() } else { format!("are {} shares", shares.len()) };
        return Err(Error::new(format!("there {given}, and {needed} are needed")).hint(format!(
            "ask {more} more of the {} holders for the shares of the key {}",
            first.count(),
            first.fingerprint()
        )));
    }
    let all: Vec<_> = shares.iter().collect();
    if let Some(key) = interpolate(&all) {
        return Ok(key);
    }
    // Without the one that does not belong to them, the others may do.
    let without = |odd: &Share| all.iter().copied().filter(|share| !std::ptr::eq(*share, odd)).collect::<Vec<_>>();
    let odd = shares.iter().filter(|_| shares.len() > needed).find(|odd| interpolate(&without(odd)).is_some());
    Err(match odd {
        Some(odd) => Error::new(format!("share {} does not fit the others", odd.number()))
            .hint("leave it out: the others suffice"),
        None => Error::new("these shares do not fit together")
            .hint("they name the same key, but are from different splittings of it, or one was changed: try others"),
    })
}

/// The first share, when all are of one splitting and none is there twice.
fn of_one_key(shares: &[Share]) -> Result<&Share> {
    let like = |share: &Share| shares.iter().filter(|other| other.set() == share.set()).count();
    let first = shares.iter().rev().max_by_key(|share| like(share)).ok_or_else(|| Error::new("there is no share"))?;
    if let Some(foreign) = shares.iter().find(|share| share.set() != first.set()) {
        let said = |s: &Share| format!("key {} ({} of {} open it)", s.fingerprint(), s.threshold(), s.count());
        return Err(Error::new(format!(
            "share {} is of another splitting, {}, than share {}: {}",
            foreign.number(),
            said(foreign),
            first.number(),
            said(first)
        ))
        .hint("all shares must be of one key: compare the fingerprints on the sheets"));
    }
    for (index, share) in shares.iter().enumerate() {
        if let Some(other) = shares[..index].iter().find(|other| other.number() == share.number()) {
            let same = other.point() == share.point();
            let how = if same { "was given twice" } else { "is there in two forms that differ" };
            return Err(Error::new(format!("share {} {how}", share.number()))
                .hint("each holder's share counts once: give the share of another holder"));
        }
    }
    Ok(first)
}

/// The key, if the shares are points of one polynomial and it is the key that they name.
fn interpolate(shares: &[&Share]) -> Option<BreakGlassIdentity> {
    let mut points: Vec<Vec<u8>> = shares.iter().map(|share| share.point().to_vec()).collect();
    let scalar = Gf256::combine_bytes(&points).map(SecretBytes::new);
    points.iter_mut().for_each(Zeroize::zeroize);
    let first = shares.first()?;
    let key = BreakGlassIdentity::from_scalar(scalar.ok()?.expose(), first.is_post_quantum()).ok()?;
    first.is_of(key.recipient()).then_some(key)
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
