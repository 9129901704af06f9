//! Doing what was planned.

use super::declared::Origin;
use super::plan::{Import, Taken};
use super::values::Values;
use crate::audit::{self, Action};
use crate::base::{Error, Result, SecretBytes, SecretName, files};
use crate::grants;
use crate::manifest::Repository;
use crate::nixfiles::{prepare, write};
use crate::operator::Keys;
use crate::render::write_local;

/// The secrets whose values are not in the repository's age files yet.
///
/// # Errors
/// When it cannot be said of one.
pub fn missing<'a>(repository: &Repository, import: &'a Import) -> Result<Vec<&'a Taken>> {
    let missing = |taken: &'a Taken| Ok((!files::exists(&repository.secret_file(&taken.name))?).then_some(taken));
    import.taken.iter().filter(is_local).map(missing).filter_map(Result::transpose).collect()
}

/// The secrets that are not in the repository as planned: without an entry, a host or a value.
///
/// # Errors
/// As [`missing`].
pub fn pending<'a>(repository: &Repository, import: &'a Import) -> Result<Vec<&'a Taken>> {
    let missing = missing(repository, import)?;
    Ok(import.taken.iter().filter(|taken| !is_entered(repository, taken) || missing.contains(taken)).collect())
}

/// The secrets that get an entry or a host, and whose values are there already: perhaps another file's, of the same name.
///
/// # Errors
/// As [`missing`].
pub fn compared<'a>(repository: &Repository, import: &'a Import) -> Result<Vec<&'a Taken>> {
    let missing = missing(repository, import)?;
    let compared = |taken: &&Taken| is_local(taken) && !is_entered(repository, taken) && !missing.contains(taken);
    Ok(import.taken.iter().filter(compared).collect())
}

/// Whether its value is to be in an age file.
fn is_local(taken: &&Taken) -> bool {
    !matches!(taken.origin, Origin::Reference(_))
}

/// Whether `pkeys.toml` has it, for all of its hosts.
fn is_entered(repository: &Repository, taken: &Taken) -> bool {
    let manifest = repository.manifest();
    manifest.secrets.get(&taken.name).is_some_and(|secret| {
        let selected: Vec<_> = manifest.selected(&secret.hosts).collect();
        taken.hosts.iter().all(|host| selected.contains(&host))
    })
}

/// Stores the values that are missing, enters the secrets into `pkeys.toml`, and with `rewrite` changes the Nix files. All
/// values are opened before the first is written. Running it again goes on where it was stopped. `done` is called for each
/// value.
///
/// # Errors
/// When a value cannot be opened, is not the one that is there under its name, or a file cannot be changed; then nothing
/// was written. When one cannot be written.
pub fn take(
    repository: &mut Repository,
    keys: &Keys,
    values: &mut Values<'_>,
    import: &Import,
    rewrite: bool,
    done: &dyn Fn(),
) -> Result<()> {
    debug_assert!(repository.is_locked(), "files are changed under the lock");
    let changed = if rewrite { import.changed.as_slice() } else { &[] };
    prepare(repository.root(), changed)?;
    for taken in compared(repository, import)? {
        let file = repository.secret_file(&taken.name);
        let own = Origin::Age(file.relative().to_owned());
        let context = |e: Error| e.context(format!("secret {}", taken.name));
        if values.read(&own).map_err(context)? != values.read(&taken.origin).map_err(context)? {
            let places: Vec<_> = taken.from.iter().map(|(file, line)| format!("{}:{line}", file.display())).collect();
            let places = places.join(", ");
            return Err(Error::new(format!("pkeys has another value of the name {} than {places}", taken.name))
                .hint("give it a name of its own there; nothing was changed"));
        }
    }
    let mut opened: Vec<(SecretName, SecretBytes)> = Vec::new();
    for taken in missing(repository, import)? {
        let value = values.read(&taken.origin).map_err(|e| e.context(format!("secret {}", taken.name)))?;
        let value = value.ok_or_else(|| Error::new(format!("secret {} has no value", taken.name)))?;
        opened.push((taken.name.clone(), value));
        done();
    }
    let mut edit = repository.edit()?;
    for taken in &import.taken {
        let path = ["secrets", taken.name.as_str()];
        if !repository.manifest().secrets.contains_key(&taken.name) {
            edit.set(&path, "from", &taken.reference().to_string())?;
        }
        let known = repository.manifest().secrets.get(&taken.name);
        for host in &taken.hosts {
            let has =
                known.is_some_and(|secret| repository.manifest().selected(&secret.hosts).any(|name| name == host));
            if !has {
                edit.add_to_list(&path, "hosts", host.as_str())?;
            }
        }
    }
    let actions = pending(repository, import)?.into_iter().map(|taken| {
        let action = Action::new("import").text("secret", &taken.name).text("reference", taken.reference());
        let from = taken.from.iter().map(|(file, line)| format!("{}:{line}", file.display()));
        action.list("hosts", &taken.hosts).list("from", from)
    });
    audit::append(repository, &actions.collect::<Vec<_>>())?;
    for (name, value) in &opened {
        write_local(repository, keys, name, value)?;
    }
    grants::save_manifest(repository, &edit)?;
    write(repository.root(), changed)
}
