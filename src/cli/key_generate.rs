//! `key add --generate`: makes a key and keeps its private half.

use crate::base::{Error, Result};
use crate::cli::args::KeyAdd;
use crate::cli::context::Context;
use crate::cli::key_add;
use crate::keys::{AuthorizedLine, PublicHalf, UserKeys, today};
use crate::manifest::Repository;
use crate::operator::new_ssh_key;
use crate::policy::{Gate, Leeway};
use crate::rotate::key_store;
use crate::source::{KeptKey, KeyPlace, Reference};

/// A new key, stored and read back. One that is kept there and not in `keys.toml` is replaced: a killed run may have stored
/// it, and so may anybody who can encrypt to the operators. Only under the repository's lock.
pub(super) fn run(context: &Context, repository: &Repository, args: &KeyAdd) -> Result<(AuthorizedLine, Reference)> {
    let keys = context.keys()?;
    let (store, warnings) = key_store(repository, &keys, &args.user)?;
    warnings.iter().for_each(|warning| context.ui.warn(warning));
    let place = KeyPlace { user: args.user.clone(), label: args.label.clone() };
    let reference = store.reference(&place)?;
    let known = UserKeys::load(repository)?;
    let mut same = known.labelled(&args.user, &args.label);
    if let Some(key) = same.next() {
        if key.private.as_ref() == Some(&reference) {
            return Ok((AuthorizedLine { options: key.options.clone(), public: key.public.clone() }, reference));
        }
        return Err(Error::new(format!("{} has another key already", key.name()))
            .hint(format!("`pkeys rotate {} --key {}` replaces it; or use another label", args.user, args.label)));
    }
    let mut record = store.read(&place)?.unwrap_or_default();
    let made = new_ssh_key(&format!("{} {}", args.user, args.label))?;
    let public = PublicHalf::parse(&made.public)?;
    // Before it is stored.
    let line = AuthorizedLine { options: None, public: public.clone() };
    let (mut keys, new) = (known.clone(), key_add::key(args, line, Some(reference.clone()))?);
    keys.add(new.clone())?;
    Gate::open(repository, &keys, Leeway::None)?.admit(&new)?;
    record.current = Some(KeptKey { private: made.private, public: made.public, created: today().to_string() });
    store.write(&place, &record)?;
    Ok((AuthorizedLine { options: None, public }, reference))
}
