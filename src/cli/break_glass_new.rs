//! `break-glass init` and `rotate`: a new key, first on paper, and only then a recipient of everything.

use crate::base::files::{self, Beneath};
use crate::base::{Error, Result, SecretBytes};
use crate::break_glass::{About, Anchor, BreakGlassIdentity, key_sheet, share_sheet, split};
use crate::bundle::public_key;
use crate::cli::args::{BreakGlassNew, BreakGlassPages};
use crate::cli::context::Context;
use crate::cli::question::settle;
use crate::cli::ui::count;
use crate::escrow;
use crate::keys::{UserKeys, today};
use crate::manifest::Repository;
use crate::operator::{MemoryDirectory, new_passphrase, new_ssh_key, would_be_in_memory};
use crate::policy::{Gate, Leeway};
use crate::render::{self, Sources, rekey};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) fn init(context: &Context, args: &BreakGlassNew) -> Result<bool> {
    let repository = context.locked_repository()?;
    if !repository.manifest().break_glass.recipients.is_empty() {
        return Err(Error::new("pkeys.toml names a break-glass recipient already")
            .hint("`pkeys break-glass drill` proves that it works; `pkeys break-glass rotate` replaces it"));
    }
    make(context, args, repository, "break-glass init")
}

pub(super) fn rotate(context: &Context, args: &BreakGlassNew) -> Result<bool> {
    let repository = context.locked_repository()?;
    if repository.manifest().break_glass.recipients.is_empty() {
        return Err(Error::new("pkeys.toml names no break-glass recipient").hint("`pkeys break-glass init` makes one"));
    }
    let secrets: Vec<_> = repository.manifest().secrets.keys().map(ToString::to_string).collect();
    let good = make(context, args, repository, "break-glass rotate")?;
    context.ui.warn("git's history keeps what was sealed to the old key, and it stays readable to it");
    context.ui.note(&format!(
        "If somebody may have it: change these secrets too: {}; and the users' keys: `pkeys rotate USER`.",
        secrets.join(", ")
    ));
    Ok(good)
}

fn make(context: &Context, args: &BreakGlassNew, mut repository: Repository, action: &'static str) -> Result<bool> {
    let manifest = repository.manifest();
    let post_quantum = args.post_quantum || manifest.is_break_glass_post_quantum();
    manifest.check_break_glass_kind(post_quantum)?;
    if manifest.operators.is_empty() {
        manifest.secret_recipients()?;
    }
    settle(context, &repository, &repository.hosts(&[])?, false)?;
    // Denials do not stop what follows, but rules that nobody can read do, before a key is made.
    Gate::open(&repository, &UserKeys::load(&repository)?, Leeway::None)
        .map_err(|e| e.context("nothing was changed: the policies cannot be read"))?;
    let make = if post_quantum { BreakGlassIdentity::generate_post_quantum } else { BreakGlassIdentity::generate };
    let key = make()?;
    let signing = new_ssh_key("pkeys break-glass")?;
    let signer = public_key(&signing.public)?.fingerprint(ssh_key::HashAlg::Sha256).to_string();
    let anchor = Anchor { fleet: repository.fleet()?.clone(), signer };
    let hand_out = hand_out(context, args, &repository, &key, &anchor)?;
    if !printed(context, args, &hand_out)? {
        hand_out.iter().try_for_each(|place| files::remove_all(place).map(drop))?;
        context.ui.note("Nothing was changed; the key is forgotten.");
        return Ok(false);
    }
    let keys = context.keys()?;
    escrow::enroll(&mut repository, &keys, key.recipient(), &signing, action)?;
    let sources = Sources::new(&repository, &keys);
    let bar = context.ui.progress("encrypting", repository.local_secrets()?.len());
    let number = rekey(&repository, &sources, &keys, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let plans = render::plan(&repository, &sources, &repository.hosts(&[])?, false, Leeway::Emergency)?;
    let overruled = plans.iter().flat_map(|plan| plan.warnings.overruled());
    overruled.collect::<BTreeSet<_>>().iter().for_each(|line| context.ui.warn(line));
    let bar = context.ui.progress("rendering", plans.len());
    let rendered = render::run(&repository, &sources, &keys, &plans, &|_| bar.inc(1))?;
    bar.finish_and_clear();
    crate::audit::append(&repository, &render::actions(&plans, &rendered))?;
    escrow::refresh(&repository, &sources, &keys)?;
    context.ui.did("made", &format!("the break-glass key {}", key.fingerprint()));
    context.ui.note(&format!(
        "sealed to it: {} and {}",
        count(number, "local secret"),
        count(rendered.len(), "bundle")
    ));
    let failed: Vec<_> = plans
        .iter()
        .filter_map(|plan| match &plan.state {
            render::State::Failed(e) => Some(e.clone().context(&plan.host)),
            _ => rendered.iter().find(|one| one.host == plan.host)?.result.clone().err().map(|e| e.context(&plan.host)),
        })
        .collect();
    failed.iter().for_each(|error| context.ui.error(error));
    context
        .ui
        .note("Every host is to trust its signing key: add this to pkeys.trustedSigners, in place of one before:");
    context.ui.out(&signing.public);
    context.ui.note("next: commit, deploy the hosts, then prove that it works: `pkeys break-glass drill`");
    Ok(failed.is_empty())
}

/// Gives the key to the person: files and directories that hold it now.
fn hand_out(
    context: &Context,
    args: &BreakGlassNew,
    repository: &Repository,
    key: &BreakGlassIdentity,
    anchor: &Anchor,
) -> Result<Vec<PathBuf>> {
    let mut places = Vec::new();
    if let Some(path) = &args.output {
        files::check_parent(path)?;
        let passphrase = new_passphrase(&*context.prompt, "the break-glass key")?;
        if !files::write_new(path, &key.locked_file(&passphrase)?, files::PRIVATE)? {
            return Err(Error::new(format!("{} is there already", path.display())).hint("name a new file"));
        }
        context.ui.note("Keep beside it, for --fleet and --sheet-signer on a machine without pins:");
        context.ui.note(&format!("  {} {}", anchor.fleet, anchor.signer));
        places.push(path.clone());
    }
    if args.output.is_none() || args.pages.sheets.is_some() {
        places.push(write_pages(&args.pages, &pages(args, repository, key, anchor)?)?);
    }
    Ok(places)
}

/// Writes pages into a new directory.
pub(super) fn write_pages(args: &BreakGlassPages, pages: &[(String, SecretBytes)]) -> Result<PathBuf> {
    let directory = match &args.sheets {
        Some(directory) => new_directory(directory, args.on_disk)?,
        None => MemoryDirectory::kept("break-glass")?,
    };
    let write =
        |(name, page): &(String, SecretBytes)| files::write(&directory.join(name), page.expose(), files::PRIVATE);
    if let Err(e) = pages.iter().try_for_each(write) {
        let _ = std::fs::remove_dir_all(directory.path());
        return Err(e);
    }
    Ok(directory.path().to_owned())
}

/// Calls `make` with what pages say beside the key.
pub(super) fn with_about<T>(
    args: &BreakGlassPages,
    repository: &Repository,
    make: impl FnOnce(&About) -> Result<T>,
) -> Result<T> {
    let root = repository.root().canonicalize().unwrap_or_else(|_| repository.root().into());
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let date = today().to_string();
    make(&About { label: args.label.as_deref().unwrap_or(&name), date: &date })
}

fn pages(
    args: &BreakGlassNew,
    repository: &Repository,
    key: &BreakGlassIdentity,
    anchor: &Anchor,
) -> Result<Vec<(String, SecretBytes)>> {
    with_about(&args.pages, repository, |about| {
        let Some(shares) = args.shares else { return Ok(vec![("sheet.html".into(), key_sheet(key, anchor, about)?)]) };
        let shares = split(key, shares.needed, shares.count)?;
        let page = |share| share_sheet(share, key.recipient(), anchor, about);
        shares.iter().map(|share| Ok((format!("share-{}.html", share.number()), page(share)?))).collect()
    })
}

/// A directory of one's own for pages that hold a key.
fn new_directory(path: &Path, on_disk: bool) -> Result<Beneath> {
    if !would_be_in_memory(path)? && !on_disk {
        return Err(Error::new(format!("{} is on a disk: the key would stay there", path.display()))
            .hint("omit --sheets: pkeys makes a directory in memory; or --on-disk"));
    }
    files::new_directory(path)
}

/// Whether the key is where it belongs; before that nothing is sealed to it.
fn printed(context: &Context, args: &BreakGlassNew, places: &[PathBuf]) -> Result<bool> {
    for place in places {
        context.ui.did("written", &place.display());
    }
    if let Some(directory) = places.iter().find(|place| place.is_dir()) {
        let place = directory.display();
        context.ui.note(&format!("Print each page (a browser opens file://{place}), then: rm -r {place}"));
    }
    if args.yes {
        return Ok(true);
    }
    context.prompt.confirm("Is it printed, or kept where it belongs?").ok_or_else(|| {
        Error::new("there is no terminal to ask at; nothing is sealed to the key")
            .hint("remove what was written, and run it in a terminal, or with --yes")
    })
}
