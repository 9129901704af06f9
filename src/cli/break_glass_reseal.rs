//! `break-glass reseal`: a host lost its key.

use crate::base::{HostName, Result};
use crate::bundle::Recipient;
use crate::cli::args::BreakGlassKey;
use crate::cli::break_glass::identity;
use crate::cli::context::Context;
use crate::escrow::{Opened, reseal};

pub(super) fn run(context: &Context, host: &HostName, recipient: &Recipient, key: &BreakGlassKey) -> Result<bool> {
    let repository = context.repository()?;
    repository.hosts(std::slice::from_ref(host))?;
    let opened = Opened::new(&repository, identity(context, key)?)?;
    let generation = reseal(&opened, &mut context.locked_repository()?, host, recipient)?;
    context.ui.did("resealed", &format!("{host} generation {generation}"));
    for line in [
        "To get it onto the host, with a memory stick at its console:".to_owned(),
        format!("  here:  cp -r {} /media/STICK/bundle", repository.bundle(host).display()),
        "  there: rm -rf /var/lib/pkeys/bundle; cp -r /media/STICK/bundle /var/lib/pkeys/bundle".into(),
        "  there: pkeys-activate install --spec /etc/pkeys/spec.json".into(),
        "If the host does not have the new key yet, give the break-glass key there instead:".into(),
        "  there: pkeys-activate install --spec /etc/pkeys/spec.json --identity -".into(),
        format!("With a network: `pkeys push {host}`."),
    ] {
        context.ui.note(&line);
    }
    Ok(true)
}
