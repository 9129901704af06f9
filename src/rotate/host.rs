//! A new SSH host key: the host gets it with its bundle, proves that it has it, and from then on only it opens the bundle.
//!
//! `pkeys.toml` says how far it is: `next-host-key` from the first step to the last, and `host-key` the same in between,
//! once the new key is the only recipient. Each step can be done twice.

use crate::audit::{self, Action};
use crate::base::{Error, HostName, Result, SecretName};
use crate::bundle::Recipient;
use crate::grants;
use crate::manifest::{Repository, host_key_names};
use crate::operator::{Keys, new_host_key, public_half};
use crate::policy::Leeway;
use crate::push::Options;
use crate::remote::{self, Proof, Target};
use crate::render::{Sources, copy_local, remove_local, write_local};
use crate::rotate::{Commits, Scope, commits, deploy, may_render};
use crate::source::Reference;
use std::path::Path;
use std::time::Duration;

/// How long an sshd may take to read its new key.
const SECONDS: u32 = 20;

/// One host's new key.
pub struct HostRotation<'a> {
    /// The operator's keys.
    pub keys: &'a Keys,
    /// Which host.
    pub host: &'a HostName,
    /// A file of known hosts that is to name the new key.
    pub known_hosts: Option<&'a Path>,
    /// Who makes a git commit of each finished step.
    pub commits: Option<&'a Commits>,
    /// Told of each thing that is done.
    pub tell: &'a (dyn Fn(&HostEvent) + Sync),
}

/// What was done.
#[derive(Clone, Debug)]
pub enum HostEvent {
    /// A new key was made, stored and read back: its fingerprint.
    Made(String),
    /// Something that a policy denies was done all the same: the host has it already.
    Warned(String),
    /// The host has a bundle that brings it.
    Deployed,
    /// The host's sshd has it.
    Proven,
    /// These do not open the host's bundle any more.
    Dropped(Vec<String>),
}

/// The age files of a host's key: the one that it has, and the next one while that is on its way.
///
/// # Errors
/// When the host's name is too long for them.
pub fn host_key_files(host: &HostName) -> Result<[SecretName; 2]> {
    let [now, next] = host_key_names(host);
    Ok([SecretName::new(now)?, SecretName::new(next)?])
}

/// The recipients that a new host key takes the place of: SSH keys. Others, such as age keys, stay.
pub fn replaced<'a>(repository: &'a Repository, host: &HostName, new: Option<&Recipient>) -> Vec<&'a String> {
    let all = repository.manifest().hosts.get(host).map(|host| &host.recipients[..]).unwrap_or_default();
    let is_new = |text: &str| new.is_some_and(|new| text.parse::<Recipient>().is_ok_and(|this| this == *new));
    all.iter().filter(|text| text.starts_with("ssh-") && !is_new(text)).collect()
}

impl HostRotation<'_> {
    /// Replaces the key, or goes on where it was left. The repository is locked. Returns the host's new line for files
    /// of known hosts.
    ///
    /// # Errors
    /// When a step failed: the host can open what it is sent all the same, and running it again goes on.
    pub fn run(&self, repository: &mut Repository) -> Result<String> {
        let address = repository.manifest().address_of(self.host)?.to_owned();
        let name = remote::known_name(&address)?;
        may_render(repository, self.keys, std::slice::from_ref(self.host), Leeway::Rotation)?;
        let new = self.make(repository)?;
        let line = format!("{name} {new}");
        let problems = self.deploy(repository)?;
        (self.tell)(&HostEvent::Deployed);
        prove(&Target::only(address, &new)?, &problems)?;
        if let Some(file) = self.known_hosts {
            remote::trust(file, &name, &line)?;
        }
        (self.tell)(&HostEvent::Proven);
        self.narrow(repository, &new)?;
        self.deploy(repository)?;
        self.finish(repository)?;
        self.commit("done")?;
        Ok(line)
    }

    /// The new key's recipient. Made if there is none yet: stored, read back, and only then a recipient.
    fn make(&self, repository: &mut Repository) -> Result<Recipient> {
        if let Some(reference) = &repository.manifest().hosts[self.host].next_host_key {
            let new = self.kept(repository, reference)?;
            if repository.manifest().recipients_of(self.host)?.contains(&new) {
                return Ok(new);
            }
            return Err(Error::new(format!("the key at {reference} is not a recipient of {}", self.host))
                .hint("somebody has replaced it: restore it and pkeys.toml from git"));
        }
        let [_, file] = host_key_files(self.host)?;
        let reference = Reference::Age(file.clone());
        let known = repository.manifest().recipients_of(self.host)?;
        if known.iter().any(|key| key.is_post_quantum() == Some(true)) {
            return Err(Error::new(format!(
                "{} is sealed to post-quantum recipients, which an SSH host key cannot stand beside",
                self.host
            ))
            .hint("replace its post-quantum identity, or its sshd's key, by hand: docs/post-quantum.md"));
        }
        // One that is there already is not taken: a killed run has left it, or somebody has put an old one back.
        write_local(repository, self.keys, &file, &new_host_key(self.host)?.private)?;
        let new = self.kept(repository, &reference)?;
        let path = ["hosts", self.host.as_str()];
        let mut edit = repository.edit()?;
        edit.add_to_list(&path, "recipients", &new.to_string())?;
        edit.set(&path, "next-host-key", &reference.to_string())?;
        self.log(repository, "pending", &new)?;
        grants::save_manifest(repository, &edit)?;
        self.commit("a new key is made")?;
        (self.tell)(&HostEvent::Made(new.id().into()));
        Ok(new)
    }

    /// The public half of a key that is kept.
    fn kept(&self, repository: &Repository, reference: &Reference) -> Result<Recipient> {
        public_half(&Sources::new(repository, self.keys).read_reference(reference)?.bytes)?.parse()
    }

    /// Returns what the host set apart.
    fn deploy(&self, repository: &Repository) -> Result<Vec<String>> {
        let options = Options { leeway: Leeway::Rotation, ..Options::default() };
        let warn = |line: &str| (self.tell)(&HostEvent::Warned(line.into()));
        let host = std::slice::from_ref(self.host);
        deploy(repository, self.keys, host, Scope::All, options, &|_| {}, &warn)?.on(self.host)
    }

    /// The new key becomes the only SSH recipient. No commit yet: the bundle that brings the key is sealed to the old one
    /// too, and should not stay in git's history.
    fn narrow(&self, repository: &mut Repository, new: &Recipient) -> Result<()> {
        let settings = &repository.manifest().hosts[self.host];
        let Some(next) = settings.next_host_key.clone().filter(|next| settings.host_key.as_ref() != Some(next)) else {
            return Ok(());
        };
        let old = replaced(repository, self.host, Some(new));
        let ids =
            old.iter().map(|text| text.parse().map(|r: Recipient| r.id().to_owned())).collect::<Result<Vec<_>>>()?;
        let kept: Vec<_> = settings.recipients.iter().filter(|text| !old.contains(text)).collect();
        let path = ["hosts", self.host.as_str()];
        let mut edit = repository.edit()?;
        edit.set_list(&path, "recipients", &kept)?;
        edit.set(&path, "host-key", &next.to_string())?;
        self.log(repository, "active", new)?;
        grants::save_manifest(repository, &edit)?;
        (self.tell)(&HostEvent::Dropped(ids));
        Ok(())
    }

    /// The new key's file gets the usual name.
    fn finish(&self, repository: &mut Repository) -> Result<()> {
        let [file, _] = host_key_files(self.host)?;
        let Some(Reference::Age(next)) = repository.manifest().hosts[self.host].next_host_key.clone() else {
            return Ok(());
        };
        copy_local(repository, self.keys, &next, &file)?;
        let path = ["hosts", self.host.as_str()];
        let mut edit = repository.edit()?;
        edit.set(&path, "host-key", &Reference::Age(file).to_string())?;
        edit.remove(&path, "next-host-key")?;
        grants::save_manifest(repository, &edit)?;
        remove_local(repository, &next).map(drop)
    }

    fn commit(&self, step: &str) -> Result<()> {
        commits::step(self.commits, &format!("pkeys rotate --host {}: {step}", self.host))
    }

    fn log(&self, repository: &Repository, step: &str, new: &Recipient) -> Result<()> {
        let action = Action::new("rotate").text("host", self.host).text("step", step).text("fingerprint", new.id());
        audit::append(repository, &[action])
    }
}

/// Waits until the host proves the new key, and no other.
fn prove(target: &Target, problems: &[String]) -> Result<()> {
    let set_apart = problems.iter().find(|problem| problem.contains("SSH host key"));
    let another = || {
        Error::new("it has the new host key, and its sshd still shows another")
            .hint("is pkeys.hostKeyPath there the file that sshd reads? docs/rotation.md")
    };
    let mut seen = Ok(Proof::Another(Vec::new()));
    for _ in 0..SECONDS {
        // It does not answer for a moment while it starts again.
        seen = remote::host_key(target);
        match (&seen, set_apart) {
            (Ok(Proof::Proven), _) => return Ok(()),
            (_, Some(problem)) => return Err(Error::new(format!("it did not take the new host key: {problem}"))),
            _ => std::thread::sleep(Duration::from_secs(1)),
        }
    }
    Err(seen.err().unwrap_or_else(another))
}
