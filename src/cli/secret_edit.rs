//! `secret edit`: an editor on a file that lives in memory only.
//!
//! The file is in a private directory on a tmpfs or ramfs, so that the editor's swap and backup files beside it are
//! there too. A `memfd` would be more private, but editors put their swap files for it into /var/tmp, on disk.

use crate::base::{Error, Result, SecretBytes, SecretName, files};
use crate::bundle::MAX_PAYLOAD;
use crate::cli::{args::SecretSet, context::Context, secret};
use crate::operator::{Editor, MemoryDirectory, run_in_front};

pub(super) fn run(context: &Context, name: &SecretName) -> Result<bool> {
    let repository = context.repository()?;
    secret::must_be_local(&repository, name)?;
    let before = match files::exists(&repository.secret_file(name))? || repository.manifest().secrets.contains_key(name)
    {
        true => secret::read(context, &repository, name)?,
        false => SecretBytes::with_capacity(0),
    };
    let after = edit(context, name, &before)?;
    if after == before {
        // Removes what a killed run has left, which may have been this very value.
        drop(repository.try_lock()?);
        context.ui.did("unchanged", name);
        return Ok(true);
    }
    if after.is_empty() {
        return Err(Error::new("the edited value is empty; nothing was changed")
            .hint(format!("to remove it: `pkeys secret rm {name}`")));
    }
    secret::save(context, &SecretSet { name: name.clone(), hosts: Vec::new() }, &after)
}

fn edit(context: &Context, name: &SecretName, before: &SecretBytes) -> Result<SecretBytes> {
    let editor = Editor::from_environment()?;
    let directory = MemoryDirectory::new("edit")?;
    let file = directory.path().join(name);
    files::write(&file, before.expose(), files::PRIVATE)?;
    editor.warning().into_iter().for_each(|line| context.ui.warn(line));
    let not_started = || Error::new("cannot start the editor").hint("set EDITOR to an editor that is installed");
    let status = run_in_front(&mut editor.command(&file)?).map_err(|_| not_started())?;
    if status.code() == Some(127) {
        return Err(not_started());
    }
    if !status.success() {
        return Err(Error::new("the editor ended with an error; nothing was changed"));
    }
    files::read_secret(&file, MAX_PAYLOAD)?
        .ok_or_else(|| Error::new("the editor removed the file; nothing was changed"))
}
