//! `trust`: what this machine accepts of a repository that others write to.

use crate::base::{Error, Result};
use crate::cli::args::TrustCommand;
use crate::cli::context::Context;
use crate::cli::question::{fingerprint, settle, show_unaccepted};
use crate::cli::ui::{Tone, count};
use crate::grants;
use crate::manifest::Repository;
use crate::trust::Claim;
use serde_json::json;

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
        grants::accept(repository, &set)?;
    }
    let claims = grants::all_unaccepted(repository)?;
    if all {
        show_unaccepted(context, repository, &claims)?;
        grants::unknown_words(repository)?.iter().for_each(|word| context.ui.note(&format!("  {word}")));
        grants::accept_all(repository)?;
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
