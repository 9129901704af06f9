//! What is public of the keys in a place's age files: public halves and dates, in a JSON file beside them.
//!
//! The age files hold private keys alone, so that `age -d FILE | ssh-add -` works; OpenSSH refuses a key with a comment
//! line in front. Each entry belongs to a key by its fingerprint, not to a file, so the file may know too much for a
//! moment and still be right.

use crate::base::files::{self, Beneath};
use crate::base::{Error, Result};
use crate::source::{KeyRecord, pair};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "pkeys-user-key/1";
const LIMIT: usize = 64 * 1024;

/// The file's content.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Dates {
    format: String,
    pub(super) keys: Vec<Entry>,
}

/// One key.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Entry {
    pub(super) fingerprint: String,
    pub(super) public: String,
    pub(super) created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delete_after: Option<String>,
}

impl Dates {
    /// Reads the file; without one nothing is known.
    pub(super) fn read(path: &Beneath) -> Result<Self> {
        let broken = || {
            Error::new(format!("{} is not as pkeys wrote it", path.display()))
                .hint("restore it: `git log` in the repository knows its earlier versions")
        };
        let Some(text) = files::read(path, LIMIT)? else { return Ok(Self::of(Vec::new())) };
        let dates: Self = serde_json::from_slice(&text).map_err(|_| broken())?;
        if dates.format == FORMAT { Ok(dates) } else { Err(broken()) }
    }

    /// What there is to know of a record's keys.
    pub(super) fn of_record(record: &KeyRecord) -> Result<Self> {
        let archived = record.archived.iter().map(|(key, after)| (key, Some(after)));
        let others = record.current.iter().chain(&record.previous).map(|key| (key, None));
        let mut all = Self::of(Vec::new());
        for (key, after) in others.chain(archived) {
            all.add(Entry {
                fingerprint: pair::fingerprint(&key.private)?,
                public: key.public.clone(),
                created: key.created.clone(),
                delete_after: after.cloned(),
            });
        }
        Ok(all)
    }

    /// This, and all that `old` knows beyond it.
    pub(super) fn and(&self, old: Self) -> Self {
        let mut all = old;
        self.keys.iter().cloned().for_each(|entry| all.add(entry));
        all
    }

    /// What is known of a key.
    pub(super) fn find(&self, fingerprint: &str) -> Option<&Entry> {
        self.keys.iter().find(|entry| entry.fingerprint == fingerprint)
    }

    /// Writes the file, unless it says so already.
    pub(super) fn write(&self, path: &Beneath) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|_| Error::new("cannot write the dates as JSON"))?;
        text.push(b'\n');
        if files::read(path, LIMIT)?.is_some_and(|old| old == text) {
            return Ok(());
        }
        files::write(path, &text, files::PUBLIC)
    }

    fn of(keys: Vec<Entry>) -> Self {
        Self { format: FORMAT.into(), keys }
    }

    /// The newer entry of a key wins; the day of its end stays known.
    fn add(&mut self, entry: Entry) {
        match self.keys.iter_mut().find(|known| known.fingerprint == entry.fingerprint) {
            Some(known) => {
                let delete_after = entry.delete_after.clone().or(known.delete_after.take());
                *known = Entry { delete_after, ..entry };
            }
            None => self.keys.push(entry),
        }
        self.keys.sort_unstable_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    }
}
