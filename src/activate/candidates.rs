//! Which bundle counts: the highest generation that verifies and decrypts.

use crate::activate::{Spec, tree::Root};
use crate::base::Error;
use crate::bundle::{BundleFiles, Identity, Manifest, OpenBundle, Signers, identity, open};
use std::path::PathBuf;

/// What the candidates came to.
#[derive(Debug, Default)]
pub struct Choice {
    /// The bundle to install: where it is, its manifest, its secrets.
    pub best: Option<(PathBuf, Manifest, OpenBundle)>,
    /// The highest manifest that a trusted signer signed for this host, also when its secrets cannot be had.
    pub authentic: Option<Manifest>,
    /// Why the others do not count: one line each.
    pub rejected: Vec<String>,
}

/// Looks at all candidates of a spec.
pub fn choose(spec: &Spec, root: &Root) -> Choice {
    let mut choice = Choice::default();
    let signers = match Signers::parse(&spec.trusted_signers) {
        Ok(signers) => signers,
        Err(e) => {
            choice.rejected.push(one_line("the spec", &e));
            return choice;
        }
    };
    let mut verified = Vec::new();
    for directory in &spec.bundles {
        let at = directory.display().to_string();
        let files = match BundleFiles::read(&root.path(directory)) {
            Ok(Some(files)) => files,
            Ok(None) => {
                choice.rejected.push(format!("{at}: there is no bundle"));
                continue;
            }
            Err(e) => {
                choice.rejected.push(one_line(&at, &e));
                continue;
            }
        };
        match files.authenticate(&spec.host, &signers) {
            Ok(good) => {
                if choice.authentic.as_ref().is_none_or(|best| best.generation < good.manifest.generation) {
                    choice.authentic = Some(good.manifest);
                }
            }
            Err(e) => {
                choice.rejected.push(one_line(&at, &e));
                continue;
            }
        }
        match files.verify(&spec.host, &signers) {
            Ok(good) => verified.push((directory.clone(), files, good.manifest)),
            Err(e) => choice.rejected.push(one_line(&at, &e)),
        }
    }
    // Of two of the same generation, the one named first.
    verified.sort_by_key(|(_, _, manifest)| std::cmp::Reverse(manifest.generation));
    let mut identities = None;
    for (directory, files, manifest) in verified {
        let identities = identities.get_or_insert_with(|| load(spec, root));
        match open_with(&files, &manifest, identities) {
            Ok(secrets) => {
                choice.best = Some((directory, manifest, secrets));
                break;
            }
            Err(e) => choice.rejected.push(one_line(&directory.display().to_string(), &e)),
        }
    }
    choice
}

/// The identities that are there, and why the others are not.
fn load(spec: &Spec, root: &Root) -> (Vec<Identity>, Vec<Error>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for path in &spec.identities {
        match identity::load(&root.path(path), age::NoCallbacks) {
            Ok(keys) => found.extend(keys),
            Err(e) => missing.push(e),
        }
    }
    (found, missing)
}

fn open_with(
    files: &BundleFiles,
    manifest: &Manifest,
    (identities, missing): &(Vec<Identity>, Vec<Error>),
) -> Result<OpenBundle, Error> {
    open(files, manifest, identities).map_err(|e| {
        let missing: Vec<_> = missing.iter().map(Error::message).collect();
        if missing.is_empty() { e } else { Error::new(format!("{e} ({})", missing.join("; "))) }
    })
}

fn one_line(at: &str, error: &Error) -> String {
    match error.next_step() {
        Some(hint) => format!("{at}: {error} ({hint})"),
        None => format!("{at}: {error}"),
    }
}
