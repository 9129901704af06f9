//! What git's history says since this machine last looked: newer bundles, and what somebody took out meanwhile.

use super::accepted::Trusted;
use super::{claims, words};
use crate::base::{HostName, Result};
use crate::bundle::{MANIFEST, SIGNATURE, Signed};
use crate::git::{self, News, Snapshot, Wanted};
use crate::keys::{KEYS_FILE, UserKeys};
use crate::manifest::{MANIFEST_FILE, Manifest, Repository};
use crate::trust::{Claim, Word};
use std::collections::BTreeSet;

/// Notes the generations of bundles that came into the history of `HEAD`, and forgets what a commit took out: it may stand
/// there again, by somebody else's hand, before this machine has seen it gone. What only another branch lacks stays.
///
/// # Errors
/// If git or the pins cannot be read, or the pins cannot be written.
pub fn look(repository: &Repository) -> Result<()> {
    if repository.manifest().fleet.is_none() {
        return Ok(());
    }
    let Ok(trusted) = Trusted::of(repository) else { return Ok(()) };
    let known = repository.pins()?.history();
    let (mut generations, mut gone) = (Vec::new(), BTreeSet::new());
    let mut gone_words = BTreeSet::new();
    let wanted = Wanted {
        top: &[MANIFEST_FILE, KEYS_FILE],
        directory: "bundles",
        inside: &[MANIFEST, SIGNATURE],
        limit: 16 * 1024 * 1024,
    };
    let has_looked = known.is_some();
    let head = git::visit_news(repository.root(), &known.unwrap_or_default(), wanted, &mut |news| match news {
        News::State(host, mut files) => {
            if let Ok(host) = HostName::new(host)
                && let (Some(manifest), Some(signature)) = (files.remove(MANIFEST), files.remove(SIGNATURE))
                && let Ok(found) = trusted.authenticate(&host, &Signed { manifest, signature })
            {
                generations.push((host, found.manifest.generation));
            }
        }
        News::Changed(before, after) if has_looked => {
            let ((claims, words), (claims_after, words_after)) = (said(&before), said(&after));
            gone.extend(claims.difference(&claims_after).cloned());
            gone_words.extend(words.difference(&words_after).cloned());
        }
        News::Changed(..) => {}
    })?;
    repository.pins()?.note_history(head, &generations, &gone, &gone_words)
}

/// What two files say; nothing where one cannot be read.
fn said(files: &Snapshot) -> (BTreeSet<Claim>, BTreeSet<Word>) {
    let text = |name: &str| files.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let Some(manifest) = text(MANIFEST_FILE).and_then(|text| Manifest::parse(text).ok()) else {
        return Default::default();
    };
    let keys = text(KEYS_FILE).and_then(|text| UserKeys::of_text(text).ok()).unwrap_or_default();
    (claims::of_repository(&manifest, &keys), words::of_repository(&manifest, &keys))
}
