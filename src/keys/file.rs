//! `keys.toml`: reading and writing it.

use crate::base::{Error, HostName, KeyLabel, Result, UserName, files};
use crate::keys::set::conflict;
use crate::keys::{Options, PublicHalf, State, UserKey, UserKeys};
use crate::manifest::{Repository, Selector, parse};
use crate::source::Reference;
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use toml::Spanned;

/// The file's name.
pub const KEYS_FILE: &str = "keys.toml";

const MAX_FILE: usize = 16 * 1024 * 1024;
const HINT: &str = "see docs/keys.md; what pkeys wrote is in git's history";
const HEADING: &str = "# The users' SSH keys: public halves, and where each private half is.\n\
    # `pkeys key` and `pkeys rotate` write this file whole: comments are not kept.\n\
    version = 1\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    key: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    user: UserName,
    label: KeyLabel,
    state: State,
    public: PublicHalf,
    options: Option<Options>,
    added: Day,
    private: Option<Reference>,
    hosts: Option<Vec<Selector>>,
    #[serde(default)]
    proven: BTreeSet<HostName>,
    #[serde(default)]
    revoked: BTreeSet<HostName>,
}

/// A TOML date.
#[derive(Deserialize)]
#[serde(try_from = "toml::value::Datetime")]
struct Day(Date);

impl TryFrom<toml::value::Datetime> for Day {
    type Error = Error;

    fn try_from(value: toml::value::Datetime) -> Result<Self> {
        let day = value.date.filter(|_| value.time.is_none()).and_then(|date| {
            let (year, month, day) = (i16::try_from(date.year), i8::try_from(date.month), i8::try_from(date.day));
            Date::new(year.ok()?, month.ok()?, day.ok()?).ok()
        });
        day.map(Self).ok_or_else(|| Error::new("that is not a date such as 2026-11-23"))
    }
}

impl UserKeys {
    /// Reads the keys of a repository; none when there is no file.
    ///
    /// # Errors
    /// When the file is not what pkeys writes; the message names the line, and repeats no value.
    pub fn load(repository: &Repository) -> Result<Self> {
        Self::read(repository).map(|(keys, _)| keys)
    }

    /// What a text of `keys.toml` says, of another time.
    ///
    /// # Errors
    /// If it is not as pkeys writes it.
    pub fn of_text(text: &str) -> Result<Self> {
        Self::parse(text).map(|(keys, _)| keys)
    }

    /// Reads the keys, and for each the line in the file on which it starts.
    pub(super) fn read(repository: &Repository) -> Result<(Self, Vec<(UserKey, usize)>)> {
        let Some(bytes) = files::read(&repository.file(KEYS_FILE), MAX_FILE)? else {
            return Ok((Self::default(), Vec::new()));
        };
        let text =
            String::from_utf8(bytes).map_err(|_| Error::new(format!("{KEYS_FILE} is not UTF-8 text")).hint(HINT))?;
        Self::parse(&text)
    }

    pub(super) fn parse(text: &str) -> Result<(Self, Vec<(UserKey, usize)>)> {
        let file: File = parse::read(KEYS_FILE, text, HINT)?;
        parse::is_version_1(KEYS_FILE, file.version)?;
        let mut keys = Vec::with_capacity(file.key.len());
        let mut lines = Vec::with_capacity(file.key.len());
        let (mut line, mut counted) = (1, 0);
        for entry in file.key {
            let start = entry.span().start;
            line += parse::line_of(&text[counted..], start - counted) - 1;
            counted = start;
            let key = entry.into_inner().into_key();
            keys.push(key.clone());
            lines.push((key, line));
        }
        if let Some((at, error)) = conflict(&keys) {
            return Err(error.context(format!("{KEYS_FILE}:{}", lines[at].1)));
        }
        let mut all = Self::default();
        all.replace(keys)?;
        Ok((all, lines))
    }

    /// Writes the file whole: the old one or the new one is there, whatever happens. Only for whoever locked the
    /// repository.
    ///
    /// # Errors
    /// When it cannot be written; then the old one is untouched.
    pub fn save(&self, repository: &Repository) -> Result<()> {
        debug_assert!(repository.is_locked(), "keys.toml is written under the lock");
        files::write(&repository.file(KEYS_FILE), self.to_text().as_bytes(), files::PUBLIC)
    }

    /// The file's text: the same for the same keys.
    pub(super) fn to_text(&self) -> String {
        let mut text = HEADING.to_owned();
        for key in &self.keys {
            text += "\n[[key]]\n";
            let mut put = |name: &str, value: &toml_edit::Value| writeln!(text, "{name} = {value}").expect("a string");
            put("user", &key.user.as_str().into());
            put("label", &key.label.as_str().into());
            put("state", &key.state.as_str().into());
            put("public", &key.public.to_string().into());
            if let Some(options) = &key.options {
                put("options", &options.as_str().into());
            }
            put("added", &key.added.to_string().parse().expect("a date is a TOML date"));
            if let Some(private) = &key.private {
                put("private", &private.to_string().into());
            }
            if let Some(hosts) = &key.hosts {
                put("hosts", &hosts.iter().map(ToString::to_string).collect::<toml_edit::Value>());
            }
            for (name, hosts) in [("proven", &key.proven), ("revoked", &key.revoked)] {
                if !hosts.is_empty() {
                    put(name, &hosts.iter().map(HostName::as_str).collect::<toml_edit::Value>());
                }
            }
        }
        text
    }
}

impl Entry {
    fn into_key(self) -> UserKey {
        let Self { user, label, state, public, options, added, private, hosts, proven, revoked } = self;
        UserKey { user, label, state, public, options, added: added.0, private, hosts, proven, revoked }
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
