//! `host add --generate` and `host extra-files`: the SSH key of a host that is yet to be installed.

use crate::base::files::{self, Beneath, Place};
use crate::base::{Error, HostName, Result};
use crate::bundle::Recipient;
use crate::cli::context::Context;
use crate::cli::secret;
use crate::grants;
use crate::manifest::Repository;
use crate::operator::{new_host_key, public_half, would_be_in_memory};
use crate::render::{Sources, remove_local, write_local};
use crate::rotate::host_key_files;
use crate::source::Reference;
use std::path::{Component, Path};

/// A host's key that was made here.
pub(super) struct HostKey {
    /// The public half.
    pub recipient: Recipient,
    /// Where the private half is.
    pub reference: Reference,
}

/// Makes a host's key and keeps it as a local age file. One that is there already is replaced: if no unfinished run left it, it
/// is an old one that somebody put back. `None` when the host has its key already.
pub(super) fn generate(context: &Context, repository: &Repository, host: &HostName) -> Result<Option<HostKey>> {
    let [name, _] = host_key_files(host)?;
    match repository.manifest().hosts.get(host) {
        Some(known) if known.host_key == Some(Reference::Age(name.clone())) => return Ok(None),
        Some(known) if !known.recipients.is_empty() => {
            return Err(Error::new(format!("{host} has a recipient already; nothing was changed"))
                .hint(format!("its key stays; to begin anew: `pkeys host remove {host}`")));
        }
        _ => {}
    }
    secret::must_be_local(repository, &name)?;
    let keys = context.keys()?;
    let new = new_host_key(host)?;
    write_local(repository, &keys, &name, &new.private)?;
    Ok(Some(HostKey { recipient: new.public.parse()?, reference: Reference::Age(name) }))
}

/// Removes the keys of a host that goes, if they were made here and no secret is taken from their files.
pub(super) fn remove(repository: &Repository, host: &HostName) -> Result<()> {
    for name in host_key_files(host)? {
        let reference = Reference::Age(name.clone());
        if !repository.manifest().secrets.values().any(|secret| secret.from == reference) {
            remove_local(repository, &name)?;
        }
    }
    Ok(())
}

/// Writes the tree that `nixos-anywhere --extra-files` copies.
pub(super) fn extra_files(
    context: &Context,
    host: &HostName,
    directory: &Path,
    key_path: &Path,
    on_disk: bool,
) -> Result<bool> {
    let repository = context.repository()?;
    repository.hosts(std::slice::from_ref(host))?;
    let below = below(key_path)?;
    if !would_be_in_memory(directory)? && !on_disk {
        return Err(Error::new(format!("{} is on a disk: a private key would stay there", directory.display())).hint(
            format!("use a directory in memory, such as $XDG_RUNTIME_DIR/{host} or /dev/shm/{host}; or --on-disk"),
        ));
    }
    let keys = context.keys()?;
    let sources = Sources::new(&repository, &keys);
    let private = sources.read_host_key(host)?.bytes;
    sources.warnings().iter().for_each(|warning| context.ui.warn(warning));
    let public = public_half(&private)?;
    let recipient: Recipient = public.parse()?;
    if !grants::recipients_in_force(&repository, host)?.contains(&recipient) {
        return Err(Error::new(format!(
            "the kept host key is not a recipient of {host}: it could not open its bundle"
        ))
        .hint("correct `recipients` or `host-key` in pkeys.toml"));
    }
    let top = files::private_directory(directory)?;
    let _lock = context.lock_directory(directory)?;
    let place = top.join(below);
    files::make_directories(&place.above())?;
    put(&place, private.expose(), files::PRIVATE)?;
    let mut beside = below.as_os_str().to_owned();
    beside.push(".pub");
    put(&top.join(beside), format!("{public}\n").as_bytes(), files::PUBLIC)?;
    context.ui.did("written", &place.display());
    let at = directory.display();
    context
        .ui
        .note(&format!("next: nixos-anywhere --extra-files {at} --flake .#{host} root@ADDRESS; then: rm -r {at}"));
    Ok(true)
}

/// A host's path as one below a directory.
fn below(path: &Path) -> Result<&Path> {
    let mut parts = path.components();
    let absolute = parts.next() == Some(Component::RootDir);
    if !absolute || path.file_name().is_none() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::new("the key's path is not absolute").hint("such as /persist/etc/ssh/ssh_host_ed25519_key"));
    }
    Ok(path.strip_prefix("/").unwrap_or(path))
}

/// Writes a new file; one with other bytes stays.
fn put(path: &Beneath, bytes: &[u8], mode: u32) -> Result<()> {
    files::sweep_beside(path);
    if files::write_new(path, bytes, mode)?
        || files::read_secret(path, bytes.len())?.is_some_and(|b| b.expose() == bytes)
    {
        return Ok(());
    }
    Err(Error::new(format!("{} is there already, and differs", path.display())).hint("name a new directory"))
}
