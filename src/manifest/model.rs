//! What `pkeys.toml` may say.

use crate::base::{Error, FleetId, HostName, OperatorName, Result, SecretName, UserName};
use crate::bundle::Recipient;
use crate::manifest::{Generate, PolicyLevel, User, mixture};
use crate::source::Reference;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Always 1.
    pub version: u32,
    /// Which fleet this is, a random id that `pkeys init` makes.
    pub fleet: Option<FleetId>,
    /// Which of the policies that ship are on.
    #[serde(default)]
    pub policy: PolicyLevel,
    /// Where secret values come from, by a name of one's own.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceSettings>,
    /// Who can read and edit local age secrets: recipients by operator.
    #[serde(default)]
    pub operators: BTreeMap<OperatorName, Vec<String>>,
    /// The recovery recipients of everything.
    #[serde(default)]
    pub break_glass: BreakGlass,
    /// Whose signature hosts trust: an SSH public key by operator.
    #[serde(default)]
    pub signers: BTreeMap<OperatorName, String>,
    /// The hosts.
    #[serde(default)]
    pub hosts: BTreeMap<HostName, Host>,
    /// The secrets.
    #[serde(default)]
    pub secrets: BTreeMap<SecretName, Secret>,
    /// The users whose SSH keys pkeys manages.
    #[serde(default)]
    pub users: BTreeMap<UserName, User>,
}

/// A source's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// 1Password Connect.
    Connect,
    /// Local age files.
    Age,
}

/// `[sources.NAME]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SourceSettings {
    /// What it is.
    pub kind: SourceKind,
    /// Connect: the server; else `OP_CONNECT_HOST`.
    pub url: Option<String>,
    /// Ignored, and an error of `check`: the operator's configuration says which authority is trusted.
    pub ca_file: Option<std::path::PathBuf>,
    /// age: the directory of the `.age` files, from the repository's root.
    pub directory: Option<std::path::PathBuf>,
}

/// `[break-glass]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BreakGlass {
    /// Recipients of every bundle and every local age file.
    #[serde(default)]
    pub recipients: Vec<String>,
}

/// `[hosts.NAME]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Host {
    /// Who can open its bundle: normally its SSH host key.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// Any name that the operator's `ssh` knows.
    pub address: Option<String>,
    /// Names to select it by, together with others.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Where the private half of its SSH host key is, when the operator made it.
    pub host_key: Option<Reference>,
    /// Where the private half of its next SSH host key is, while `pkeys rotate --host` replaces it.
    pub next_host_key: Option<Reference>,
}

/// `[secrets.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Secret {
    /// Where its value comes from.
    pub from: Reference,
    /// Which of the sources, where several are of the right kind.
    pub source: Option<String>,
    /// Who gets it.
    #[serde(default)]
    pub hosts: Vec<Selector>,
    /// Names for policies to speak of, such as `prod`.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How `pkeys rotate --secret` makes a new value.
    pub generate: Option<Generate>,
    /// Whether one final newline is stripped from the value.
    #[serde(default)]
    pub trim: bool,
}

/// A name, `tag:NAME`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Selector {
    /// Every host.
    All,
    /// The hosts with this tag.
    Tag(String),
    /// One host.
    Host(HostName),
}

impl TryFrom<String> for Selector {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        match text.strip_prefix("tag:") {
            _ if text == "*" => Ok(Self::All),
            Some(tag) => HostName::new(tag).map(|tag| Self::Tag(tag.into())),
            None => HostName::new(text).map(Self::Host),
        }
        .map_err(|_| Error::new("that selects no hosts").hint("use a host's name, \"tag:NAME\", or \"*\" for all"))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::Host(name) => write!(f, "{name}"),
        }
    }
}

impl Selector {
    /// Whether it selects this host.
    pub fn selects(&self, name: &HostName, host: &Host) -> bool {
        match self {
            Self::All => true,
            Self::Tag(tag) => host.tags.contains(tag),
            Self::Host(one) => one == name,
        }
    }
}

impl Manifest {
    /// What a text of `pkeys.toml` says, of another time.
    ///
    /// # Errors
    /// If it is not a good one.
    pub fn parse(text: &str) -> Result<Self> {
        super::parse::parse(text)
    }

    /// The secrets that a host gets, sorted by name.
    pub fn secrets_of<'a>(&'a self, host: &'a HostName) -> impl Iterator<Item = (&'a SecretName, &'a Secret)> {
        let settings = self.hosts.get(host);
        self.secrets.iter().filter(move |(_, secret)| {
            settings.is_some_and(|settings| secret.hosts.iter().any(|s| s.selects(host, settings)))
        })
    }

    /// The hosts that a list of selectors selects.
    pub fn selected<'a>(&'a self, by: &'a [Selector]) -> impl Iterator<Item = &'a HostName> {
        let selected = move |(name, host): &(&HostName, &Host)| by.iter().any(|s| s.selects(name, host));
        self.hosts.iter().filter(selected).map(|(name, _)| name)
    }

    /// What `ssh` calls a host.
    ///
    /// # Errors
    /// When the manifest does not say.
    pub fn address_of(&self, host: &HostName) -> Result<&str> {
        self.hosts.get(host).and_then(|host| host.address.as_deref()).ok_or_else(|| {
            Error::new("pkeys.toml has no address for it")
                .hint(format!("`pkeys host add {host} --address root@{host}`"))
        })
    }

    /// Where the new SSH host key is that a host is to get with its bundle. Once it is the only one, it goes no more.
    pub fn host_key_for(&self, host: &HostName) -> Option<&Reference> {
        let host = self.hosts.get(host)?;
        host.next_host_key.as_ref().filter(|_| host.host_key != host.next_host_key)
    }

    /// Who can open the bundle of a host: its recipients and every break-glass recipient, sorted.
    ///
    /// # Errors
    /// When the host has none, one cannot be used, or post-quantum ones stand beside others.
    pub fn recipients_of(&self, host: &HostName) -> Result<Vec<Recipient>> {
        let own = self.hosts.get(host).map(|host| &host.recipients[..]).unwrap_or_default();
        if own.is_empty() {
            return Err(Error::new(format!("{host} has no recipient")).hint(format!(
                "add its SSH host key: `pkeys host add {host} --scan ADDRESS`, or `recipients` in pkeys.toml"
            )));
        }
        mixture::recipients(own.iter().map(|key| (host.to_string(), key)).chain(self.break_glass()))
    }

    /// Who can open the local age files: every operator and every break-glass recipient, sorted.
    ///
    /// # Errors
    /// When there is no operator, one's recipient cannot be used, or post-quantum ones stand beside others.
    pub fn secret_recipients(&self) -> Result<Vec<Recipient>> {
        let named = self.operators.iter().flat_map(|(name, keys)| keys.iter().map(|key| (name.to_string(), key)));
        let operators: Vec<_> = named.collect();
        if operators.is_empty() {
            return Err(Error::new("pkeys.toml names no operator").hint("run `pkeys init`"));
        }
        mixture::recipients(operators.into_iter().chain(self.break_glass()))
    }

    fn break_glass(&self) -> impl Iterator<Item = (String, &String)> {
        self.break_glass.recipients.iter().map(|key| ("break-glass".to_owned(), key))
    }
}
