//! `break-glass reseal`: a host lost its key.

use crate::base::{Error, Result};
use crate::cli::args::BreakGlassReseal;
use crate::cli::break_glass::identity;
use crate::cli::context::Context;
use crate::cli::ui::count;
use crate::escrow::{Opened, Reseal, reseal};
use crate::manifest::Repository;
use crate::trust::{Claim, trust_set_fingerprint};

pub(super) fn run(context: &Context, args: &BreakGlassReseal) -> Result<bool> {
    let repository = context.repository()?;
    repository.hosts(std::slice::from_ref(&args.host))?;
    let (identity, typed) = identity(context, &args.key)?;
    let opened = Opened::new(&repository, identity, &typed)?;
    let plan = Reseal::plan(&opened, &args.host, &args.recipient)?;
    context.ui.note(&format!("who is trusted: as the break-glass signer signed it at {}", opened.trust()?.set.date));
    show(context, &plan);
    if !args.yes {
        match context.prompt.confirm("Sign this?") {
            Some(true) => {}
            Some(false) => return Err(Error::new("not confirmed; nothing changed").hint("what is wrong? git says who")),
            None => {
                return Err(Error::new("there is no terminal to confirm this at; nothing changed")
                    .hint("read what is shown above, then add --yes"));
            }
        }
    } else if !plan.unproven.is_empty() {
        context.ui.warn(&format!("left out, for --yes confirms no new login: {}", count(plan.unproven.len(), "key")));
    }
    reseal(&opened, &mut context.locked_repository()?, &plan, !args.yes)?;
    context.ui.did("resealed", &format!("{} generation {}", args.host, plan.generation));
    next_steps(context, &opened, &repository, args)
}

/// All that would be signed.
fn show(context: &Context, plan: &Reseal) {
    let note = |line: &str| context.ui.note(line);
    let old = &plan.old;
    note(&format!("{}: made from the bundle that {} signed", plan.host, plan.signer));
    note(&format!("  generation {} of {} becomes {}", old.generation, old.created, plan.generation));
    plan.recipients.iter().for_each(|recipient| note(&format!("  opened by {}", recipient.id())));
    note(&format!("  {}", count(old.secrets.len(), "secret")));
    let claim = |login: &crate::escrow::Login| {
        Claim::Key { host: plan.host.clone(), user: login.user.clone(), line: login.line.clone() }.to_string()
    };
    plan.logins.iter().for_each(|login| note(&format!("    {}", claim(login).trim_start_matches("+ "))));
    plan.gone.iter().for_each(|login| note(&format!("  {}", claim(login).replacen('+', "-", 1))));
    for login in &plan.unproven {
        note(&format!("  {}: in keys.toml, and not in the bundle that was signed", claim(login)));
    }
}

fn next_steps(context: &Context, opened: &Opened, repository: &Repository, args: &BreakGlassReseal) -> Result<bool> {
    let host = &args.host;
    let set = &opened.trust()?.set;
    let fingerprint = trust_set_fingerprint(&set.fleet, &set.claims());
    for line in [
        "To get it onto the host, with a memory stick at its console:".to_owned(),
        format!("  here:  cp -r {} /media/STICK/bundle", repository.bundle(host).display()),
        "  there: rm -rf /var/lib/pkeys/bundle; cp -r /media/STICK/bundle /var/lib/pkeys/bundle".into(),
        "  there: pkeys-activate install --spec /etc/pkeys/spec.json".into(),
        "If the host does not have the new key yet, give the break-glass key there instead:".into(),
        "  there: pkeys-activate install --spec /etc/pkeys/spec.json --identity -".into(),
        format!("With a network: `pkeys push {host}`, on a new machine after `pkeys trust accept {fingerprint}`."),
    ] {
        context.ui.note(&line);
    }
    Ok(true)
}
