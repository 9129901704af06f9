//! `trust`: what this machine accepts of a repository that others write to; and the question before a render.

use crate::base::{Error, HostName, Result};
use crate::cli::args::TrustCommand;
use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use crate::grants;
use crate::manifest::Repository;
use crate::trust::{Claim, trust_set_fingerprint};
use serde_json::json;

/// How many claims are shown one by one.
const SHOWN: usize = 40;

pub(super) fn run(context: &Context, command: &TrustCommand) -> Result<bool> {
    let repository = context.repository()?;
    match command {
        TrustCommand::Show => show(context, &repository),
        TrustCommand::Accept { fingerprint, all } => accept(context, &repository, fingerprint.as_deref(), *all),
        TrustCommand::Export => {
            let text = repository.pins()?.export();
            context.ui.text(String::from_utf8_lossy(&text).trim_end());
            Ok(true)
        }
    }
}

/// Asks whether to accept what these hosts would get, and what the fleet claims, if somebody else wrote it. With `accept`,
/// new grants are accepted without a question; new members of the trust set never are.
///
/// # Errors
/// If the answer is no, or nobody can be asked.
pub(super) fn settle(context: &Context, repository: &Repository, hosts: &[HostName], accept: bool) -> Result<()> {
    repository.pins()?.forget_others(&repository.manifest().fleet_claims())?;
    let claims = grants::unaccepted(repository, hosts)?;
    if claims.is_empty() {
        return Ok(());
    }
    let of_trust_set = claims.iter().any(Claim::is_of_trust_set);
    if accept && !of_trust_set {
        return repository.pins()?.accept(&claims);
    }
    context.ui.note("Not accepted on this machine yet:");
    show_unaccepted(context, &claims);
    if of_trust_set {
        context.ui.note(&format!("Trust set of this fleet: {}", fingerprint(repository)?));
        context.ui.note("Compare it with `pkeys trust show` on a machine that has accepted it.");
    }
    match context.prompt.confirm("Accept all of this?") {
        Some(true) => repository.pins()?.accept(&claims),
        Some(false) => Err(Error::new("not accepted; nothing changed")
            .hint("`pkeys log` and git say who added it; take it out of pkeys.toml or keys.toml")),
        None if of_trust_set => {
            Err(Error::new("the trust set of this fleet is not accepted on this machine, and there is no terminal")
                .hint("compare `pkeys trust show` with another machine, then `pkeys trust accept FINGERPRINT`"))
        }
        None => Err(Error::new("others have added grants, and there is no terminal to confirm them")
            .hint("look at `pkeys render --dry-run`, then add --accept")),
    }
}

/// One line for each claim, up to a screenful.
pub(super) fn show_unaccepted(context: &Context, claims: &[Claim]) {
    for claim in claims.iter().take(SHOWN) {
        context.ui.note(&match claim.host() {
            Some(host) => format!("  {host}: {claim}"),
            None => format!("  {claim}"),
        });
    }
    if let Some(more) = claims.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        context.ui.note(&format!("  and {more} more; `pkeys trust show --json` has all"));
    }
}

fn fingerprint(repository: &Repository) -> Result<String> {
    Ok(trust_set_fingerprint(repository.fleet()?, &repository.manifest().fleet_claims()))
}

fn show(context: &Context, repository: &Repository) -> Result<bool> {
    let fingerprint = fingerprint(repository)?;
    let claims = repository.manifest().fleet_claims();
    let unaccepted = grants::all_unaccepted(repository)?;
    let pins = repository.pins()?;
    if context.ui.json() {
        let one = |claim: &Claim| json!({ "claim": claim.to_string(), "host": claim.host() });
        context.ui.out_json(&json!({
            "fleet": repository.fleet()?,
            "fingerprint": fingerprint,
            "accepted": claims.iter().filter(|claim| pins.accepts(claim)).map(one).collect::<Vec<_>>(),
            "unaccepted": unaccepted.iter().map(one).collect::<Vec<_>>(),
        }));
        return Ok(unaccepted.is_empty());
    }
    context.ui.out(&format!("fleet        {}", repository.fleet()?));
    context.ui.out(&format!("fingerprint  {fingerprint}"));
    let rows = claims.iter().map(|claim| {
        let (word, tone) = if pins.accepts(claim) { ("accepted", Tone::Good) } else { ("not accepted", Tone::Warn) };
        vec![(word.to_owned(), tone), (claim.to_string().trim_start_matches("+ ").to_owned(), Tone::Plain)]
    });
    context.ui.table(&rows.collect::<Vec<_>>());
    let grants = unaccepted.iter().filter(|claim| claim.host().is_some()).count();
    if grants > 0 {
        context.ui.note(&format!("and {} that nobody has accepted: `pkeys trust accept`", count(grants, "grant")));
    }
    Ok(unaccepted.is_empty())
}

fn accept(context: &Context, repository: &Repository, expected: Option<&str>, all: bool) -> Result<bool> {
    let hosts = repository.hosts(&[])?;
    if let Some(expected) = expected {
        let found = fingerprint(repository)?;
        if expected != found {
            return Err(Error::new(format!("the trust set of this repository is another: {found}"))
                .hint("is this clone up to date? else somebody has changed signers, operators or break-glass"));
        }
        let set: Vec<_> = repository.manifest().fleet_claims().into_iter().filter(Claim::is_of_trust_set).collect();
        repository.pins()?.accept(&set)?;
    }
    let claims = grants::all_unaccepted(repository)?;
    if all {
        repository.pins()?.accept(&claims)?;
    } else if expected.is_none() {
        settle(context, repository, &hosts, false)?;
    }
    let left = grants::all_unaccepted(repository)?;
    context.ui.did("accepted", &"what the repository says");
    if !left.is_empty() {
        context.ui.note(&format!("not accepted yet: {}; `pkeys render` asks", count(left.len(), "grant")));
    }
    Ok(true)
}
