//! What another tool's configuration declares, in pkeys' words.

use crate::base::{HostName, SecretName};
use crate::nixfiles::{Left, NixFile};
use crate::source::Reference;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

/// A tool that pkeys takes over from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// OpNix: `services.onepassword-secrets`
    Opnix,
    /// sops-nix: `sops`
    SopsNix,
    /// agenix: `age.secrets`
    Agenix,
    /// agenix-rekey: `age.secrets` with `rekeyFile`
    AgenixRekey,
}

impl Tool {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opnix => "opnix",
            Self::SopsNix => "sops-nix",
            Self::Agenix => "agenix",
            Self::AgenixRekey => "agenix-rekey",
        }
    }

    /// Where its options are.
    pub fn prefix(self) -> &'static [&'static str] {
        match self {
            Self::Opnix => &["services", "onepassword-secrets"],
            Self::SopsNix => &["sops"],
            Self::Agenix | Self::AgenixRekey => &["age"],
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It stays where it is: `op://…`.
    Reference(Reference),
    /// An age file in the repository.
    Age(PathBuf),
    /// A value in a sops file, by the names on the way to it; none: the whole file.
    Sops(PathBuf, Vec<String>),
}

/// What a declaration becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A secret, and where its value comes from.
    Secret(SecretName, Origin),
    /// A file around secrets.
    Template,
}

/// One secret or template, as one file declares it.
#[derive(Clone, Debug)]
pub(super) struct Declared<'t> {
    pub kind: Kind,
    /// The name in Nix: the attribute of `pkeys.secrets` or `pkeys.templates`.
    pub attribute: String,
    pub file: &'t NixFile,
    pub line: usize,
    pub anchor: Range<usize>,
    pub top: Range<usize>,
    /// The bindings that it was read from.
    pub nodes: Vec<Range<usize>>,
    pub hosts: BTreeSet<HostName>,
    /// The secrets that a template's text names; `None` for one whose name is computed.
    pub uses: Vec<Option<String>>,
    /// The module's options for it, as Nix: `owner`, `"app"`.
    pub options: Vec<(&'static str, String)>,
    /// What has no equivalent.
    pub left: Vec<Left>,
}
