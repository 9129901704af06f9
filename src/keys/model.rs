//! One user key, and what can be said of it.

use crate::base::{HostName, KeyLabel, UserName};
use crate::keys::{AuthorizedLine, Options, PublicHalf};
use crate::manifest::{Manifest, Period, Selector};
use crate::source::{KeyPlace, Reference};
use jiff::civil::Date;
use jiff::{Span, Timestamp, tz::TimeZone};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;

/// Where a key stands on its way: pending, active, retiring, gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// New, and not yet proven on every host. Authorized.
    Pending,
    /// The one to log in with. Authorized.
    Active,
    /// On its way out: an active key that was proven everywhere has taken its place. Not authorized any more; it stays
    /// here until every host has been seen to refuse it.
    Retiring,
}

impl State {
    /// Whether a key in this state may log in: the one place that says so.
    pub fn is_authorized(self) -> bool {
        match self {
            Self::Pending | Self::Active => true,
            Self::Retiring => false,
        }
    }

    /// The state as it stands in `keys.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One SSH key of a user. Its identity in `keys.toml` is user, label and state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserKey {
    /// Whom it logs in.
    pub user: UserName,
    /// Which of the user's keys: `laptop`, `phone`.
    pub label: KeyLabel,
    /// Where it stands.
    pub state: State,
    /// The public half.
    pub public: PublicHalf,
    /// What stands in front of it in `authorized_keys`.
    pub options: Option<Options>,
    /// The day since which pkeys knows it, UTC. Its age counts from here.
    pub added: Date,
    /// Where the private half can be read; `None` when pkeys does not hold it.
    pub private: Option<Reference>,
    /// Authorized only there, of the hosts that the user has; `None`: on all of them. An empty list: nowhere.
    pub hosts: Option<Vec<Selector>>,
    /// Hosts that are done: a pending key was proven there by a login, a retiring one was seen to be refused.
    pub proven: BTreeSet<HostName>,
    /// Hosts on which it is not authorized any more although it is active: `pkeys rotate --emergency` took it away.
    pub revoked: BTreeSet<HostName>,
}

impl UserKey {
    /// Where a private half that pkeys made is kept.
    pub fn place(&self) -> KeyPlace {
        KeyPlace { user: self.user.clone(), label: self.label.clone() }
    }

    /// The line for `authorized_keys`.
    pub fn line(&self) -> String {
        AuthorizedLine { options: self.options.clone(), public: self.public.clone() }.to_string()
    }

    /// Whether `pkeys rotate` can replace it: pkeys has the private half, and it is in no hardware token.
    pub fn is_rotatable(&self) -> bool {
        self.private.is_some() && !self.public.is_hardware()
    }

    /// Its age in whole days.
    pub fn age(&self, today: Date) -> i64 {
        self.added.until(today).map_or(0, |span| i64::from(span.get_days()))
    }

    /// The day on which it is due for rotation. Only active keys of a user with `rotate-every` are ever due.
    pub fn due(&self, every: Option<Period>) -> Option<Date> {
        let days = every.filter(|_| self.state == State::Active)?.days;
        self.added.checked_add(Span::new().days(i64::from(days))).ok()
    }

    /// Whether it is authorized on a host, if its user is.
    pub fn is_for(&self, host: &HostName, manifest: &Manifest) -> bool {
        let Some(selectors) = &self.hosts else { return true };
        manifest.hosts.get(host).is_some_and(|settings| selectors.iter().any(|s| s.selects(host, settings)))
    }

    /// `ann laptop`
    pub fn name(&self) -> String {
        format!("{} {}", self.user, self.label)
    }
}

/// The day that it is now, UTC.
pub fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
