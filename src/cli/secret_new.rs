//! `secret generate`: a random value that nobody has seen.

use crate::base::{Error, Result, files};
use crate::cli::args::SecretGenerate;
use crate::cli::{context::Context, secret};
use crate::operator::{random_bytes, random_letters, random_words};

pub(super) fn run(context: &Context, args: &SecretGenerate) -> Result<bool> {
    let name = &args.set.name;
    let repository = context.repository()?;
    secret::must_be_local(&repository, name)?;
    if !args.force && files::exists(&repository.secret_file(name))? {
        return Err(Error::new(format!("{name} has a value already")).hint("add --force to replace it"));
    }
    let value = match (args.bytes, args.words) {
        (Some(number), _) => random_bytes(number),
        (None, Some(number)) => random_words(number),
        (None, None) => random_letters(args.length),
    };
    secret::save(context, &args.set, &value)
}
