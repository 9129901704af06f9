//! Deciding what the new generation holds: every file with its bytes, owner, mode and links. Changes nothing.

use crate::{FileSettings, Phase, Spec, owners, template};
use pkeys_bundle::base::{SecretBytes, SecretName};
use pkeys_bundle::{Manifest, NEW_HOST_KEY};
use std::path::PathBuf;

/// One file of a generation.
pub(super) struct File<'a> {
    /// `secrets`, `templates` or `authorized_keys`.
    pub folder: &'static str,
    /// Its name in that folder.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes<'a>,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Permission bits.
    pub mode: u32,
    /// Where links to it are wanted.
    pub links: Vec<PathBuf>,
    /// Units to restart and to reload when it changes.
    pub units: (Vec<String>, Vec<String>),
}

/// A file's bytes: of the opened bundle, made here, or public.
pub(super) enum Bytes<'a> {
    Secret(&'a [u8]),
    Made(SecretBytes),
    Public(Vec<u8>),
}

impl Bytes<'_> {
    pub(super) fn expose(&self) -> &[u8] {
        match self {
            Self::Secret(bytes) => bytes,
            Self::Made(bytes) => bytes.expose(),
            Self::Public(bytes) => bytes,
        }
    }
}

impl File<'_> {
    /// `secrets/NAME`
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }
}

/// The files of a generation, and what had to be set apart.
#[derive(Default)]
pub(super) struct Contents<'a> {
    pub files: Vec<File<'a>>,
    pub problems: Vec<String>,
}

impl<'a> Contents<'a> {
    /// The secrets and templates of a phase, for a bundle with these names; `get` gives the bytes of each.
    pub(super) fn add_secrets<'n>(
        &mut self,
        spec: &Spec,
        phase: Phase,
        names: impl Iterator<Item = &'n SecretName>,
        get: impl Fn(&SecretName) -> Option<&'a [u8]>,
    ) {
        let plain = FileSettings::default();
        let reload_units = spec.host_key.as_ref().map_or_else(Vec::new, |key| key.reload_units.clone());
        let host_key = FileSettings { reload_units, ..FileSettings::default() };
        for name in names {
            let settings = spec.secrets.get(name);
            let otherwise = if name.as_str() == NEW_HOST_KEY { &host_key } else { &plain };
            if settings.map(|secret| secret.phase).unwrap_or_default() != phase {
                continue;
            }
            let bytes = Bytes::Secret(get(name).unwrap_or_default());
            self.add("secrets", name, bytes, settings.map_or(otherwise, |secret| &secret.file));
        }
        for (name, _) in spec.secrets.iter().filter(|(name, s)| s.phase == phase && get(name).is_none()) {
            self.problems.push(format!(
                "secret {name}: no bundle has it (render the host's bundle again, or remove it from the configuration)"
            ));
        }
        if phase == Phase::Users {
            return;
        }
        for (name, template) in &spec.templates {
            match template::fill(&template.content, &get) {
                Ok(bytes) => self.add("templates", name, Bytes::Made(bytes), &template.file),
                Err(e) => self.problems.push(format!("template {name}: {e}")),
            }
        }
    }

    /// The public keys that users may log in with.
    pub(super) fn add_authorized_keys(&mut self, manifest: &Manifest) {
        for (user, lines) in &manifest.authorized_keys {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            self.files.push(File {
                folder: "authorized_keys",
                name: user.to_string(),
                bytes: Bytes::Public(text.into_bytes()),
                owner: (0, 0),
                mode: 0o444,
                links: Vec::new(),
                units: Default::default(),
            });
        }
    }

    fn add(&mut self, folder: &'static str, name: &SecretName, bytes: Bytes<'a>, settings: &FileSettings) {
        let settled = owners::resolve(settings).and_then(|owner| Ok((owner, settings.mode()?)));
        let (owner, mode, links) = match settled {
            Ok((owner, mode)) => (owner, mode, settings.links().cloned().collect()),
            Err(e) => {
                let what = folder.trim_end_matches('s');
                let instead = "it is root:root 0400 and has no links";
                self.problems.push(format!("{what} {name}: {}; {instead}", e.one_line()));
                ((0, 0), 0o400, Vec::new())
            }
        };
        let units = (settings.restart_units.clone(), settings.reload_units.clone());
        self.files.push(File { folder, name: name.to_string(), bytes, owner, mode, links, units });
    }
}
