//! `break-glass sheet`: prints pages again, without a new key.

use crate::base::{Error, Result};
use crate::break_glass::{Anchor, Input, Share, key_sheet, share_sheet};
use crate::bundle::Recipient;
use crate::cli::args::BreakGlassSheet;
use crate::cli::break_glass::input;
use crate::cli::break_glass_new::{with_about, write_pages};
use crate::cli::context::Context;
use crate::escrow::Trust;

pub(super) fn run(context: &Context, args: &BreakGlassSheet) -> Result<bool> {
    let repository = context.repository()?;
    let (input, typed) = input(context, &args.key)?;
    // What is printed will be believed: it comes from the pins or from a sheet, never from the repository alone.
    let Trust { anchor, recipients, .. } = Trust::establish(&repository, &typed)?;
    let pages = with_about(&args.pages, &repository, |about| match &input {
        Input::Identity(key) if recipients.contains(key.recipient()) => {
            Ok(vec![("sheet.html".to_owned(), key_sheet(key, &anchor, about)?)])
        }
        Input::Identity(_) => Err(foreign()),
        Input::Shares(shares) => {
            let page = |share: &Share| share_sheet(share, key_of(share, &recipients)?, &anchor, about);
            shares.iter().map(|share| Ok((format!("share-{}.html", share.number()), page(share)?))).collect()
        }
        Input::Locked(_) => Err(Error::new("a key behind a passphrase has no sheet").hint(
            "`age -d FILE | pkeys break-glass sheet` prints one; --fleet and --sheet-signer are below, for the file",
        )),
    });
    if matches!(input, Input::Locked(_)) {
        show(context, &anchor);
    }
    let directory = write_pages(&args.pages, &pages?)?;
    let place = directory.display();
    context.ui.did("written", &place);
    context.ui.note(&format!("Print each page (a browser opens file://{place}), then: rm -r {place}"));
    context.ui.note("Destroy the old pages once the new ones are where they belong.");
    Ok(true)
}

fn show(context: &Context, anchor: &Anchor) {
    context.ui.note(&format!("--fleet {} --sheet-signer {}", anchor.fleet, anchor.signer));
}

/// The break-glass recipient of whose key this is a share.
fn key_of<'a>(share: &Share, recipients: &'a [Recipient]) -> Result<&'a Recipient> {
    recipients.iter().find(|recipient| share.is_of(recipient)).ok_or_else(foreign)
}

fn foreign() -> Error {
    Error::new("that is not the break-glass key of this repository, or a share of it")
        .hint("has the key been replaced since it was printed? `pkeys break-glass drill` says more")
}
