//! `rotate`: replaces what could have become known: users' SSH keys, host keys, generated secrets.

use crate::base::{Error, Result};
use crate::cli::args::Rotate;
use crate::cli::context::Context;
use crate::cli::{rotate_host, rotate_purge, rotate_secret, rotate_user};
use crate::manifest::Repository;
use crate::rotate::Commits;

pub(super) fn run(context: &Context, args: &Rotate) -> Result<bool> {
    if args.status {
        rotate_user::status(context)
    } else if args.purge {
        rotate_purge::run(context, args)
    } else if !args.secret.is_empty() {
        rotate_secret::run(context, args)
    } else if args.user.is_none() && !args.all_due {
        rotate_host::run(context, args)
    } else {
        rotate_user::run(context, args)
    }
}

/// The repository: locked, if something is going to be changed.
pub(super) fn repository(context: &Context, args: &Rotate) -> Result<Repository> {
    if args.dry_run { context.repository() } else { context.locked_repository() }
}

/// Asks whether to go on, unless that was said already.
pub(super) fn confirmed(context: &Context, args: &Rotate) -> Result<bool> {
    if args.yes {
        return Ok(true);
    }
    context.prompt.confirm("Go on?").ok_or_else(|| {
        Error::new("there is no terminal to ask at; nothing was changed").hint("look at the plan, and add --yes")
    })
}

/// Who makes the commits, if they were asked for.
pub(super) fn commits(repository: &Repository, args: &Rotate) -> Result<Option<Commits>> {
    args.commit.then(|| Commits::new(repository)).transpose()
}
