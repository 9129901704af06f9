//! Opening sources when they are first needed, and asking each for its references at once.

use crate::base::{Error, HostName, Result, SecretName, files};
use crate::grants::{self, statement};
use crate::manifest::{Origin, Repository, SourceKind};
use crate::operator::{Keys, public_of_signing_key};
use crate::policy::operator_named;
use crate::render::connect;
use crate::source::{AgeFiles, Reference, Source, Value, Version};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The manifest's sources, each opened when it is first needed.
pub struct Sources<'a> {
    repository: &'a Repository,
    keys: &'a Keys,
    open: RefCell<BTreeMap<String, Rc<dyn Source + 'a>>>,
    warnings: RefCell<Vec<String>>,
}

impl<'a> Sources<'a> {
    /// The sources of a repository, read with the operator's keys.
    pub fn new(repository: &'a Repository, keys: &'a Keys) -> Self {
        Self { repository, keys, open: RefCell::default(), warnings: RefCell::default() }
    }

    /// Whose signing key is used here, as `pkeys.toml` calls them; `unknown` where it does not.
    pub fn operator(&self) -> String {
        let line = self.keys.signing_key_path().and_then(public_of_signing_key).ok();
        operator_named(self.repository, line.as_deref())
    }

    /// What the operator should know of the sources that were opened.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.borrow().clone()
    }

    /// The current version of each value, reading no secret.
    pub fn versions(&self, origins: &BTreeSet<Origin>) -> BTreeMap<Origin, Result<Version>> {
        self.ask(origins, |source, references| source.versions(references))
    }

    /// The values.
    pub fn read(&self, origins: &BTreeSet<Origin>) -> BTreeMap<Origin, Result<Value>> {
        self.ask(origins, |source, references| source.read(references))
    }

    /// The value of a secret of the manifest, or of a local age file that it does not name.
    ///
    /// # Errors
    /// When there is no such secret, or it cannot be read.
    pub fn read_secret(&self, name: &SecretName) -> Result<Value> {
        match self.repository.manifest().secrets.get(name) {
            Some(secret) => self.read_one(&Origin::of(self.repository.manifest(), secret)?),
            None if files::exists(&self.repository.secret_file(name))? => self.read_local(name),
            None => Err(Error::new(format!("there is no secret {name}")).hint("see `pkeys secret list`")),
        }
    }

    /// The value of a local age file.
    ///
    /// # Errors
    /// When it is not there or cannot be opened.
    pub fn read_local(&self, name: &SecretName) -> Result<Value> {
        let manifest = self.repository.manifest();
        let source = manifest.sources.iter().find(|(_, s)| s.kind == SourceKind::Age).map(|(name, _)| name.as_str());
        self.read_one(&Origin { source: source.unwrap_or("age").into(), reference: Reference::Age(name.clone()) })
    }

    /// The private half of a host's SSH key, when the operator made it.
    ///
    /// # Errors
    /// When the manifest names none, or it cannot be read.
    pub fn read_host_key(&self, host: &HostName) -> Result<Value> {
        let manifest = self.repository.manifest();
        let reference = manifest.hosts.get(host).and_then(|host| host.host_key.as_ref()).ok_or_else(|| {
            Error::new(format!("pkeys.toml does not say where the host key of {host} is"))
                .hint("pkeys has those that it made: `pkeys host add NAME --generate`")
        })?;
        self.read_reference(reference)
    }

    /// The value at a reference, from the only source of its kind.
    ///
    /// # Errors
    /// When no source fits, several do, or it cannot be read.
    pub fn read_reference(&self, reference: &Reference) -> Result<Value> {
        self.read_one(&Origin::find(self.repository.manifest(), reference, None)?)
    }

    fn read_one(&self, origin: &Origin) -> Result<Value> {
        let mut answer = self.read(&BTreeSet::from([origin.clone()]));
        answer.remove(origin).expect("each question has an answer")
    }

    fn ask<T>(
        &self,
        origins: &BTreeSet<Origin>,
        ask: impl Fn(&dyn Source, &[&Reference]) -> Vec<Result<T>>,
    ) -> BTreeMap<Origin, Result<T>> {
        let mut by_source: BTreeMap<&str, Vec<&Origin>> = BTreeMap::new();
        for origin in origins {
            by_source.entry(&origin.source).or_default().push(origin);
        }
        let mut answers = BTreeMap::new();
        for (name, origins) in by_source {
            let (origins, refused): (Vec<_>, Vec<_>) = origins
                .into_iter()
                .map(|origin| (origin, grants::require_vault(self.repository, origin)))
                .partition(|(_, accepted)| accepted.is_ok());
            answers.extend(refused.into_iter().filter_map(|(origin, e)| Some((origin.clone(), Err(e.err()?)))));
            let origins: Vec<_> = origins.into_iter().map(|(origin, _)| origin).collect();
            if origins.is_empty() {
                continue;
            }
            let references: Vec<_> = origins.iter().map(|origin| &origin.reference).collect();
            let found = match self.source(name) {
                Ok(source) => ask(&*source, &references),
                Err(e) => references.iter().map(|_| Err(e.clone())).collect(),
            };
            answers.extend(origins.into_iter().cloned().zip(found));
        }
        answers
    }

    fn source(&self, name: &str) -> Result<Rc<dyn Source + 'a>> {
        if let Some(source) = self.open.borrow().get(name) {
            return Ok(source.clone());
        }
        let settings = self.repository.manifest().sources.get(name);
        let is_age = settings.map_or(name == "age", |s| s.kind == SourceKind::Age);
        let opened: Rc<dyn Source + 'a> = if is_age {
            let directory = settings.and_then(|s| s.directory.as_deref()).unwrap_or("secrets".as_ref());
            let keys = self.keys;
            let repository = self.repository;
            let vouch = move |name: &SecretName, file: &[u8]| statement::version_of(repository, name, file);
            let identities = Box::new(|| keys.identities());
            Rc::new(AgeFiles::new(repository.file(directory), identities, Box::new(vouch)))
        } else {
            let connect = connect::open(self.repository, settings.map(|settings| (name, settings)))?;
            self.warnings.borrow_mut().extend(connect.warnings());
            Rc::new(connect)
        };
        self.open.borrow_mut().insert(name.into(), opened.clone());
        Ok(opened)
    }
}
