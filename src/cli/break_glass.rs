//! `break-glass`: the key that opens everything, on the worst day.

use crate::base::{Error, Result, SecretBytes, files};
use crate::break_glass::{Input, TypedAnchor, combine, parse_input};
use crate::bundle::{Identity, identity};
use crate::cli::args::{BreakGlassCommand, BreakGlassKey};
use crate::cli::context::Context;
use crate::cli::{break_glass_drill, break_glass_new, break_glass_open, break_glass_reseal, break_glass_sheet};
use crate::escrow::{self, Refreshed};
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::render::Sources;
use std::io::IsTerminal;
use std::path::Path;

/// No key, sheet or set of shares is larger.
const MAX_KEY: usize = 1024 * 1024;

pub(super) fn run(context: &Context, command: &BreakGlassCommand) -> Result<bool> {
    match command {
        BreakGlassCommand::Init(args) => break_glass_new::init(context, args),
        BreakGlassCommand::Rotate(args) => break_glass_new::rotate(context, args),
        BreakGlassCommand::Escrow => write_escrow(context),
        BreakGlassCommand::Drill(key) => break_glass_drill::run(context, key),
        BreakGlassCommand::Open(args) => break_glass_open::run(context, args),
        BreakGlassCommand::Reseal(args) => break_glass_reseal::run(context, args),
        BreakGlassCommand::Sheet(args) => break_glass_sheet::run(context, args),
    }
}

/// The break-glass key or its shares, and what was typed of the sheet's lines about signers: from a file, standard input, or
/// without echo.
pub(super) fn input(context: &Context, given: &BreakGlassKey) -> Result<(Input, TypedAnchor)> {
    let standard_input =
        || SecretBytes::from_stdin(MAX_KEY).map_err(|e| Error::new(format!("cannot read the key: {}", e.kind())));
    let bytes = match given.identity.as_deref() {
        Some(path) if path == Path::new("-") => standard_input()?,
        Some(path) => files::read_secret(path, MAX_KEY)?
            .ok_or_else(|| Error::new(format!("there is no file {}", path.display())))?,
        None if std::io::stdin().is_terminal() => typed(context)?,
        None => standard_input()?,
    };
    let (mut typed, rest) = TypedAnchor::take(&bytes)?;
    given.fleet.iter().try_for_each(|fleet| typed.set_fleet(fleet.clone()))?;
    given.sheet_signer.iter().try_for_each(|signer| typed.set_signer(signer.clone()))?;
    Ok((parse_input(&rest)?, typed))
}

/// The break-glass identity, and what was typed of the sheet's lines about signers.
pub(super) fn identity(context: &Context, given: &BreakGlassKey) -> Result<(Identity, TypedAnchor)> {
    let (input, typed) = input(context, given)?;
    let identity = match input {
        Input::Identity(key) => key.to_identity(),
        Input::Shares(shares) => combine(&shares)?.to_identity(),
        Input::Locked(file) => {
            let mut found = identity::parse(&file, "the break-glass key", context.keys()?.callbacks())?;
            found.pop().ok_or_else(|| Error::new("that file holds no key"))
        }
    };
    Ok((identity?, typed))
}

/// Line by line, until an empty one.
fn typed(context: &Context) -> Result<SecretBytes> {
    context.ui.note("Type the lines of the sheet, or of each share, with number and checksum. They are not shown.");
    context.ui.note("The lines F, S1 and S2 prove who signs; a machine with pins knows it without them.");
    let nobody =
        || Error::new("there is no terminal to type the key at").hint("--identity FILE, or send it to standard input");
    let mut all = SecretBytes::with_capacity(4096);
    for number in 1.. {
        let line = context.prompt.secret(&format!("Line {number} (Enter to end)"));
        let line = line.map_err(|e| e.hint("--identity FILE takes them all, or standard input"))?.ok_or_else(nobody)?;
        if line.is_empty() {
            break;
        }
        all.extend(line.expose());
        all.extend(b"\n");
    }
    Ok(all)
}

fn write_escrow(context: &Context) -> Result<bool> {
    let repository = context.locked_repository()?;
    let keys = context.keys()?;
    if has_signer(&repository) && escrow::write_combine(&repository)? {
        context.ui.did("written", &"break-glass/combine.py");
    }
    match escrow::refresh(&repository, &Sources::new(&repository, &keys), &keys)? {
        Refreshed::Nobody => {
            Err(Error::new("pkeys.toml names no break-glass recipient").hint("`pkeys break-glass init` makes one"))
        }
        Refreshed::Unchanged => {
            context.ui.did("unchanged", &"break-glass/escrow.age");
            Ok(true)
        }
        Refreshed::Written => {
            context.ui.did("written", &"break-glass/escrow.age");
            Ok(true)
        }
    }
}

/// Whether `pkeys break-glass init` has made a break-glass key here; a recipient alone can be written by hand.
fn has_signer(repository: &Repository) -> bool {
    repository.manifest().signers.contains_key(escrow::SIGNER)
}

/// Keeps the escrow up to date after something else was done. That it could not be does not undo that.
pub(super) fn keep_escrow(context: &Context, repository: &Repository, sources: &Sources, keys: &Keys) {
    if let Err(e) = escrow::refresh(repository, sources, keys) {
        context.ui.warn(&format!("the escrow for break-glass is not up to date: {}", e.one_line()));
    }
    if let Some(finding) = escrow::trust_set(repository).filter(|_| has_signer(repository)) {
        context.ui.warn(&format!("{}: {}", finding.file, finding.message));
    }
}
