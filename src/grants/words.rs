//! The entries of `pkeys.toml` and `keys.toml`, and which of them a claim about a host follows from.

use crate::base::HostName;
use crate::bundle::NEW_HOST_KEY;
use crate::keys::{UserKey, UserKeys};
use crate::manifest::{Host, Manifest, Selector};
use crate::trust::{Claim, Word};
use std::collections::BTreeSet;

/// All entries of a repository that decide what hosts get.
pub(super) fn of_repository(manifest: &Manifest, keys: &UserKeys) -> BTreeSet<Word> {
    let mut words = BTreeSet::new();
    for (host, settings) in &manifest.hosts {
        words.extend(settings.tags.iter().map(|tag| Word::Tag { host: host.clone(), tag: tag.clone() }));
        words.extend(manifest.recipient_ids(host).into_iter().map(|recipient| recipient_word(host, &recipient)));
        let next = manifest.host_key_for(host);
        words.extend(next.map(|next| Word::HostKey { host: host.clone(), reference: next.to_string() }));
    }
    for (name, secret) in &manifest.secrets {
        let (reference, source) = (secret.from.to_string(), secret.source.clone());
        words.insert(Word::From { secret: name.clone(), reference, source });
        let hosts = secret.hosts.iter();
        words.extend(hosts.map(|selector| Word::For { secret: name.clone(), selector: selector.to_string() }));
    }
    for (name, user) in &manifest.users {
        let hosts = user.hosts.iter();
        words.extend(hosts.map(|selector| Word::User { user: name.clone(), selector: selector.to_string() }));
    }
    for key in keys.all() {
        words.insert(Word::Key { user: key.user.clone(), line: key.line() });
        words.extend(selectors(key).iter().map(|selector| key_for(key, selector)));
        words.extend(key.revoked.iter().map(|host| withdrawn(key, host)));
    }
    words
}

/// Whether a claim that a repository makes about a host follows from entries that are all known.
pub(super) fn follows(claim: &Claim, manifest: &Manifest, keys: &UserKeys, knows: &dyn Fn(&Word) -> bool) -> bool {
    let Some((host, settings)) = claim.host().and_then(|host| manifest.hosts.get_key_value(host)) else { return true };
    let selects = |selector: &Selector| selects(host, settings, selector, knows);
    match claim {
        Claim::Secret { name, reference, .. } if name.as_str() == NEW_HOST_KEY => {
            knows(&Word::HostKey { host: host.clone(), reference: reference.clone() })
        }
        Claim::Secret { name, reference, source, .. } => {
            let from = Word::From { secret: name.clone(), reference: reference.clone(), source: source.clone() };
            let word = |selector: &Selector| Word::For { secret: name.clone(), selector: selector.to_string() };
            let hosts = manifest.secrets.get(name).map(|secret| &secret.hosts[..]).unwrap_or_default();
            knows(&from) && hosts.iter().any(|selector| knows(&word(selector)) && selects(selector))
        }
        Claim::Key { user, line, .. } => {
            let word = |selector: &Selector| Word::User { user: user.clone(), selector: selector.to_string() };
            let hosts = manifest.users.get(user).map(|user| &user.hosts[..]).unwrap_or_default();
            let is_here = |key: &UserKey| {
                key.line() == *line
                    && selectors(key).iter().any(|selector| knows(&key_for(key, selector)) && selects(selector))
            };
            knows(&Word::Key { user: user.clone(), line: line.clone() })
                && hosts.iter().any(|selector| knows(&word(selector)) && selects(selector))
                && keys.of(user).any(is_here)
        }
        Claim::Recipient { recipient, .. } => knows(&recipient_word(host, recipient)),
        _ => true,
    }
}

fn recipient_word(host: &HostName, recipient: &str) -> Word {
    Word::Recipient { host: host.clone(), recipient: recipient.to_owned() }
}

/// Whether a selector selects a host, by a tag only if it is known who gave the tag to the host.
fn selects(host: &HostName, settings: &Host, selector: &Selector, knows: &dyn Fn(&Word) -> bool) -> bool {
    selector.selects(host, settings)
        && match selector {
            Selector::Tag(tag) => knows(&Word::Tag { host: host.clone(), tag: tag.clone() }),
            Selector::All | Selector::Host(_) => true,
        }
}

/// The hosts of a key: without a list, all that its user has.
fn selectors(key: &UserKey) -> &[Selector] {
    key.hosts.as_deref().unwrap_or(&[Selector::All])
}

/// That a key was taken off a host.
pub(super) fn withdrawn(key: &UserKey, host: &HostName) -> Word {
    Word::Withdrawn { host: host.clone(), user: key.user.clone(), line: key.line() }
}

fn key_for(key: &UserKey, selector: &Selector) -> Word {
    Word::KeyFor { user: key.user.clone(), label: key.label.clone(), selector: selector.to_string() }
}
