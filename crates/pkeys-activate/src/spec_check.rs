//! What a spec may ask for.

use crate::{FileSettings, Phase, Spec, template};
use pkeys_bundle::Signers;
use pkeys_bundle::base::error::is_field_name;
use pkeys_bundle::base::{Error, Result, SecretName};
use std::collections::BTreeSet;
use std::path::{Component, Path};

impl Spec {
    pub(super) fn check(&self) -> Result<()> {
        if self.version != 1 {
            return Err(
                Error::new("the spec's version is not 1").hint("module and program must be of the same release")
            );
        }
        if self.bundles.is_empty() {
            return Err(Error::new("the spec names no bundle"));
        }
        if self.trusted_signers.is_empty() {
            return Err(Error::new("the spec names no trusted signer").hint("set pkeys.trustedSigners"));
        }
        Signers::parse(&self.trusted_signers)?;
        self.bundles.iter().chain(&self.identities).chain([&self.state_directory]).try_for_each(|p| absolute(p))?;
        let host_key = self.host_key.iter().map(|key| &key.path);
        host_key.clone().try_for_each(|path| absolute(path))?;
        if self
            .identities
            .iter()
            .chain([&self.state_directory])
            .chain(host_key)
            .any(|path| path.starts_with("/nix/store"))
        {
            return Err(Error::new("an identity, the host key or the state directory is in the Nix store")
                .hint("the store is readable by everybody: name the path as a string, not as a Nix path"));
        }
        if self.keep_generations == 0 {
            return Err(Error::new("keepGenerations is 0").hint("the current generation counts: use 1"));
        }
        let mut claimed = BTreeSet::new();
        for (what, name, phase, file) in self.files() {
            let place = format!("{}/{what}s/{name}", phase.base());
            let checked = file.check(&mut claimed).and_then(|()| self.check_links(file, &place));
            checked.map_err(|e| e.context(format!("{what} {name}")))?;
        }
        // Paths sort by their parts: what is inside of a path follows it at once.
        for (path, next) in claimed.iter().zip(claimed.iter().skip(1)) {
            if next.starts_with(path) {
                return Err(Error::new(format!("{} is inside of {}", next.display(), path.display()))
                    .hint("a link to a file cannot hold another: give one of them another path"));
            }
        }
        for (name, template) in &self.templates {
            template::names(&template.content).map_err(|e| e.context(format!("template {name}")))?;
        }
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = (&'static str, &SecretName, Phase, &FileSettings)> {
        let secrets = self.secrets.iter().map(|(name, secret)| ("secret", name, secret.phase, &secret.file));
        secrets.chain(self.templates.iter().map(|(name, t)| ("template", name, Phase::Services, &t.file)))
    }

    /// What is ours stays ours: a link there would hide or replace it. A file's own place is no link.
    fn check_links(&self, file: &FileSettings, place: &str) -> Result<()> {
        let ours = ["/run/pkeys", "/run/pkeys.d", "/run/pkeys-for-users", "/run/pkeys-for-users.d", "/run/pkeys.lock"];
        let kept =
            |path: &Path| ours.iter().any(|ours| path.starts_with(ours)) || path.starts_with(&self.state_directory);
        match file.links().find(|path| kept(path) && path.as_path() != Path::new(place)) {
            Some(path) => Err(Error::new(format!("{} is kept for pkeys itself", path.display()))
                .hint(format!("leave `path` away to find it at {place}"))),
            None => Ok(()),
        }
    }
}

impl FileSettings {
    fn check<'a>(&'a self, claimed: &mut BTreeSet<&'a Path>) -> Result<()> {
        self.mode()?;
        if let Some(key) = self.unknown.keys().next() {
            let named = if is_field_name(key) { format!("unknown field `{key}`") } else { "an unknown field".into() };
            return Err(Error::new(named).hint("docs/spec.md lists every field"));
        }
        if (self.owner.is_some() && self.uid.is_some()) || (self.group.is_some() && self.gid.is_some()) {
            return Err(Error::new("it has both a name and a number as owner or group").hint("give one of them"));
        }
        if [self.uid, self.gid].contains(&Some(u32::MAX)) {
            return Err(Error::new("the number 4294967295 is no owner").hint("Linux keeps it for \"leave unchanged\""));
        }
        for path in self.links() {
            absolute(path)?;
            if path.file_name().is_none() {
                return Err(Error::new("its path is the root directory"));
            }
            if !claimed.insert(path) {
                return Err(Error::new(format!("{} is claimed twice", path.display())));
            }
        }
        let unit = |unit: &&String| unit.contains('.') && unit.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        match self.restart_units.iter().chain(&self.reload_units).find(|name| !unit(name)) {
            Some(_) => Err(Error::new("a unit's name cannot be").hint("name it with its type, such as nginx.service")),
            None => Ok(()),
        }
    }
}

fn absolute(path: &Path) -> Result<()> {
    let mut parts = path.components();
    let plain = parts.next() == Some(Component::RootDir) && parts.all(|part| matches!(part, Component::Normal(_)));
    if plain { Ok(()) } else { Err(Error::new("a path is not absolute, or has `..` in it")) }
}
