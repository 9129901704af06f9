//! Replacing a user's SSH key: looks at the states in `keys.toml`, does the next safe step, and looks again.
//!
//! Stopped anywhere, power cuts included, the next run goes on where it was: each step can be done twice, and is written
//! down only when it is proven. May import all but `activate` and `cli`.

mod commits;
mod deploy;
mod emergency;
mod host;
mod hosts;
mod make;
mod prove;
mod purge;
mod revoke;
mod secret;
mod store;

pub use commits::Commits;
pub use host::{HostEvent, HostRotation, host_key_files, replaced};
pub use make::is_half_of;
pub use purge::{Archived, purge};
pub use secret::{generator, receivers, rotate_secrets};
pub use store::{archive, key_store};

use deploy::{Scope, deploy, may_render};

use crate::audit::{self, Action};
use crate::base::{Error, HostName, Result};
use crate::grants;
use crate::keys::{State, UserKey, UserKeys};
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::policy::Leeway;
use crate::source::{KeyPlace, KeyStore};

/// One key's rotation.
pub struct Rotation<'a> {
    /// The repository, locked.
    pub repository: &'a Repository,
    /// The operator's keys.
    pub keys: &'a Keys,
    /// Where the private halves are kept.
    pub store: &'a dyn KeyStore,
    /// Which key.
    pub place: KeyPlace,
    /// Only these hosts in this run; the others are waited for. Empty: all.
    pub hosts: &'a [HostName],
    /// What may be done although a policy denies it.
    pub leeway: Leeway,
    /// Who makes a git commit of each finished step.
    pub commits: Option<&'a Commits>,
    /// Told of each thing that is done.
    pub tell: &'a (dyn Fn(&Event) + Sync),
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new key was made, stored and read back: its fingerprint.
    Made(String),
    /// Something that a policy denies was done all the same, because it takes something away.
    Warned(String),
    /// A host has the bundle that it needs.
    Deployed(HostName),
    /// A login with the new key worked.
    Proven(HostName),
    /// The new key is the active one, proven on this many hosts.
    Promoted(usize),
    /// The old key was refused, and the new one works.
    Refused(HostName),
    /// A host refuses the stolen key.
    Withdrawn(HostName),
    /// A host from which the stolen key could not be taken, and why.
    Open(HostName, Error),
    /// The old key is not authorized any more: its private half is kept until this day.
    Archived(String),
}

/// How a run ended.
#[derive(Debug)]
pub enum End {
    /// The rotation is over.
    Done,
    /// It waits for these hosts; nobody has lost access. Run it again.
    Waiting(Vec<(HostName, Error)>),
}

/// The next step, as the states tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new key is to be made.
    Make,
    /// Old and new key are authorized; the new one is to be proven on every host.
    Prove,
    /// The new key is proven; the old one is to be removed everywhere.
    Revoke,
}

impl Step {
    /// Of a key.
    pub fn of(keys: &UserKeys, place: &KeyPlace) -> Self {
        let has = |state| keys.find(&place.user, &place.label, state).is_some();
        match (has(State::Retiring), has(State::Pending)) {
            (true, _) => Self::Revoke,
            (false, true) => Self::Prove,
            (false, false) => Self::Make,
        }
    }
}

impl Rotation<'_> {
    /// Rotates, or goes on with a rotation that was begun.
    ///
    /// # Errors
    /// When a step failed for a reason that is not one host's. Nobody has lost access, and running it again goes on.
    pub fn run(&self) -> Result<End> {
        loop {
            let keys = UserKeys::load(self.repository)?;
            match Step::of(&keys, &self.place) {
                Step::Make => {
                    if let Some(denied) = self.make(keys)? {
                        return Err(denied);
                    }
                }
                Step::Prove => {
                    if let Some(waiting) = self.prove(keys)? {
                        return Ok(End::Waiting(waiting));
                    }
                }
                Step::Revoke => {
                    return Ok(self.revoke(keys)?.map_or(End::Done, End::Waiting));
                }
            }
        }
    }

    /// Goes back to the key of before: the new one is removed everywhere, if the rotation is in the overlap; if the old
    /// one is on its way out already, it is authorized and proven again first.
    ///
    /// # Errors
    /// When no rotation is under way, or as [`Self::run`].
    pub fn abort(&self) -> Result<End> {
        let mut keys = UserKeys::load(self.repository)?;
        let KeyPlace { user, label } = &self.place;
        match Step::of(&keys, &self.place) {
            _ if keys.labelled(user, label).any(|key| !key.revoked.is_empty()) => {
                return Err(Error::new("the key of before was withdrawn as stolen: there is no way back to it")
                    .hint(format!("go on: `pkeys rotate {user} --key {label} --emergency`")));
            }
            Step::Make => {
                return Err(
                    Error::new(format!("no rotation of {user} {label} is under way")).hint("nothing was changed")
                );
            }
            Step::Prove => keys.change(user, label, State::Pending, |key| {
                key.state = State::Retiring;
                key.proven.clear();
            })?,
            Step::Revoke => keys.change(user, label, State::Retiring, |key| {
                key.state = State::Pending;
                key.proven.clear();
            })?,
        }
        let back = self.key(&keys, State::Active)?.public.fingerprint();
        self.log("abort", back)?;
        grants::save_keys(self.repository, &keys)?;
        self.commit("back to the key of before")?;
        self.run()
    }

    /// Writes down what is about to be true.
    fn log(&self, step: &str, fingerprint: String) -> Result<()> {
        let action = Action::new("rotate").text("user", &self.place.user).text("label", &self.place.label);
        audit::append(self.repository, &[action.text("step", step).text("fingerprint", fingerprint)])
    }

    /// A git commit of what is true now, where that was asked for.
    fn commit(&self, step: &str) -> Result<()> {
        let KeyPlace { user, label } = &self.place;
        commits::step(self.commits, &format!("pkeys rotate {user} {label}: {step}"))
    }

    /// The key of this rotation in a state.
    fn key<'k>(&self, keys: &'k UserKeys, state: State) -> Result<&'k UserKey> {
        let KeyPlace { user, label } = &self.place;
        keys.find(user, label, state)
            .ok_or_else(|| Error::new(format!("{user} {label} has no {state} key")).hint("see `pkeys key list`"))
    }
}
