//! The operator's repository: where `pkeys.toml`, the local secrets and the bundles are.

use crate::base::files::{self, Beneath};
use crate::base::lock::{Lock, Waiting};
use crate::base::{Error, FleetId, HostName, Result, SecretName, error::did_you_mean};
use crate::manifest::{Edit, Manifest, SourceKind, parse};
use crate::trust::{Pins, PinsPlace};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The manifest's file name.
pub const MANIFEST_FILE: &str = "pkeys.toml";

const MAX_MANIFEST: usize = 16 * 1024 * 1024;

/// A repository that was read. Everything in it is reached beneath its root: a committed link never leads out of it. Can
/// hold a lock, so that two commands do not write into one repository at once.
#[derive(Debug)]
pub struct Repository {
    root: Beneath,
    text: String,
    manifest: Manifest,
    /// Where pins are, if not where the environment says.
    pins_place: Option<PinsPlace>,
    /// What was accepted of this fleet; read when first needed.
    pins: Mutex<Option<Pins>>,
    lock: Option<Lock>,
}

/// The pins of a repository, for as long as they are needed.
pub struct PinsGuard<'a>(MutexGuard<'a, Option<Pins>>);

impl std::ops::Deref for PinsGuard<'_> {
    type Target = Pins;

    fn deref(&self) -> &Pins {
        self.0.as_ref().expect("Repository::pins read them")
    }
}

impl std::ops::DerefMut for PinsGuard<'_> {
    fn deref_mut(&mut self) -> &mut Pins {
        self.0.as_mut().expect("Repository::pins read them")
    }
}

impl Repository {
    /// Finds `pkeys.toml` in `start` or above it, and reads it.
    ///
    /// # Errors
    /// When there is none, or it cannot be read or parsed.
    pub fn find(start: &Path) -> Result<Self> {
        let start = start.canonicalize().map_err(|e| Error::io("open", start, &e))?;
        let root = start.ancestors().find(|place| place.join(MANIFEST_FILE).is_file()).ok_or_else(|| {
            Error::new(format!("there is no {MANIFEST_FILE} in {} or above it", start.display()))
                .hint("run `pkeys init` in your flake's repository, or name it with --repo")
        })?;
        Self::open(root)
    }

    /// Reads the repository whose root this is.
    ///
    /// # Errors
    /// When `pkeys.toml` is not there or cannot be parsed.
    pub fn open(root: &Path) -> Result<Self> {
        let root = Beneath::root(root)?;
        let path = root.join(MANIFEST_FILE);
        let bytes = files::read(&path, MAX_MANIFEST)?
            .ok_or_else(|| Error::new(format!("there is no {}", path.display())).hint("run `pkeys init`"))?;
        let text = String::from_utf8(bytes).map_err(|_| Error::new(format!("{MANIFEST_FILE} is not UTF-8 text")))?;
        let manifest = parse::parse(&text)?;
        Ok(Self { root, text, manifest, pins_place: None, pins: Mutex::new(None), lock: None })
    }

    /// Keeps pins in another state directory than the operator's own.
    #[must_use]
    pub fn with_state(self, directory: &Path) -> Self {
        Self { pins_place: Some(PinsPlace::State(directory.into())), ..self }
    }

    /// Waits until no other pkeys of this user writes here, removes what a killed one left, and reads the manifest again.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Lock::acquire`].
    pub fn lock(self, waiting: &Waiting) -> Result<Self> {
        let lock = Lock::acquire(self.root(), waiting)?;
        self.locked(lock)
    }

    /// The same without waiting; `None` while another pkeys writes here.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Lock::try_acquire`].
    pub fn try_lock(self) -> Result<Option<Self>> {
        let lock = Lock::try_acquire(self.root())?;
        lock.map(|lock| self.locked(lock)).transpose()
    }

    /// The same for a repository that this process has made and no other knows.
    #[must_use]
    pub fn unshared(self) -> Self {
        Self { lock: Some(Lock::unshared()), ..self }
    }

    fn locked(self, lock: Lock) -> Result<Self> {
        let new = Self { lock: Some(lock), pins_place: self.pins_place.clone(), ..Self::open(self.root())? };
        let own = ["", "bundles", "break-glass"].map(|name| new.root.join(name));
        for place in own.into_iter().chain([new.secrets_directory()]) {
            files::sweep(&place);
        }
        if let (Some(fleet), Ok(place)) = (&new.manifest.fleet, new.pins_place()) {
            Pins::sweep(&place, fleet);
        }
        Ok(new)
    }

    /// The repository's directory, for messages and other programs. Files in it are reached through [`Self::file`].
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The place of a file or directory in the repository, by its path from the root.
    pub fn file(&self, path: impl AsRef<Path>) -> Beneath {
        self.root.join(path)
    }

    /// Whether this one may write here.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// What `pkeys.toml` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The fleet's id.
    ///
    /// # Errors
    /// If `pkeys.toml` has none.
    pub fn fleet(&self) -> Result<&FleetId> {
        self.manifest.fleet.as_ref().ok_or_else(|| {
            Error::new(format!("{MANIFEST_FILE} has no fleet id"))
                .hint("run `pkeys init`: it adds one, and changes nothing else")
        })
    }

    /// What was accepted of this fleet on this machine. Do not call it again while the guard lives.
    ///
    /// # Errors
    /// If there is no fleet id, or the pins cannot be read.
    pub fn pins(&self) -> Result<PinsGuard<'_>> {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        if pins.is_none() {
            let place = self.pins_place()?;
            *pins = Some(Pins::load(place, self.fleet()?, self.root())?);
        }
        Ok(PinsGuard(pins))
    }

    fn pins_place(&self) -> Result<PinsPlace> {
        self.pins_place.clone().map_or_else(PinsPlace::from_environment, Ok)
    }

    /// Where the bundle of a host is.
    pub fn bundle(&self, host: &HostName) -> Beneath {
        self.root.join("bundles").join(host)
    }

    /// Where the local age secrets are.
    pub fn secrets_directory(&self) -> Beneath {
        let mut sources = self.manifest.sources.values().filter(|source| source.kind == SourceKind::Age);
        let directory = sources.find_map(|source| source.directory.as_deref());
        self.root.join(directory.unwrap_or(Path::new("secrets")))
    }

    /// Where a local age secret is.
    pub fn secret_file(&self, name: &SecretName) -> Beneath {
        self.secrets_directory().join(format!("{name}.age"))
    }

    /// The names of the local age secrets, whether `pkeys.toml` names them or not; sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn local_secrets(&self) -> Result<Vec<SecretName>> {
        let entries = self.secrets_directory().names()?.unwrap_or_default();
        let name = |entry: std::ffi::OsString| SecretName::new(entry.to_str()?.strip_suffix(".age")?).ok();
        let mut names: Vec<_> = entries.into_iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// The named hosts, or all of them.
    ///
    /// # Errors
    /// When one is not in `pkeys.toml`.
    pub fn hosts(&self, named: &[HostName]) -> Result<Vec<HostName>> {
        let all = &self.manifest.hosts;
        if named.is_empty() {
            return Ok(all.keys().cloned().collect());
        }
        for name in named {
            if !all.contains_key(name) {
                let new = Error::new(format!("{MANIFEST_FILE} has no host {name}"));
                return Err(match did_you_mean(name.as_str(), all.keys().map(HostName::as_str)) {
                    Some(near) => new.hint(format!("did you mean {near}?")),
                    None => new.hint(format!("add it: `pkeys host add {name} --scan ADDRESS`")),
                });
            }
        }
        Ok(named.to_vec())
    }

    /// The line in `pkeys.toml`, from 1, of a key such as `["hosts", "web"]`.
    pub fn line(&self, path: &[&str]) -> Option<usize> {
        Edit::line(&self.text, path)
    }

    /// Starts a change of `pkeys.toml` that keeps its comments and order.
    ///
    /// # Errors
    /// When the text cannot be edited.
    pub fn edit(&self) -> Result<Edit> {
        Edit::new(&self.text)
    }

    /// What `pkeys.toml` would say after a change.
    ///
    /// # Errors
    /// If it would not parse.
    pub fn preview(&self, edit: &Edit) -> Result<Manifest> {
        parse::parse(&edit.text())
    }

    /// Writes a changed `pkeys.toml`, once it is known to be a good one. Accepts nothing: `grants::save_manifest` does.
    ///
    /// # Errors
    /// When the result would not parse, or cannot be written.
    pub fn save(&mut self, edit: &Edit) -> Result<()> {
        let text = edit.text();
        let manifest = parse::parse(&text)?;
        files::write(&self.root.join(MANIFEST_FILE), text.as_bytes(), files::PUBLIC)?;
        (self.text, self.manifest) = (text, manifest);
        Ok(())
    }
}
