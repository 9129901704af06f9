//! The gate: what the other rooms ask before they act.

use crate::audit;
use crate::base::{HostName, Result, SecretName, UserName};
use crate::bundle::Manifest as BundleManifest;
use crate::keys::{UserKey, UserKeys, hosts_of, is_authorized, today};
use crate::manifest::{BREAK_GLASS_SIGNER, Repository};
use crate::policy::asked::{self, Asked, authorize, deliver, use_key};
use crate::policy::world::Facts;
use crate::policy::{Denial, Engine, Warnings, World, files, leaked};

/// What may be done although a rule denies it. Nothing new is ever granted against a rule; this is about what a host has
/// already, so that no rule keeps a stolen key where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leeway {
    /// A denial stops.
    #[default]
    None,
    /// A rotation: users' keys that the host's bundle has already do not stop it.
    Rotation,
    /// Something was stolen: nothing that the host's bundle has already stops it, and what is new and denied is left out.
    Emergency,
}

/// What a host may get.
#[derive(Debug, Default)]
pub struct Granted {
    /// What is worth knowing.
    pub warnings: Warnings,
    /// Secrets to leave out. Only in an emergency.
    pub without_secrets: Vec<SecretName>,
    /// Lines of `authorized_keys` to leave out. Only in an emergency.
    pub without_keys: Vec<(UserName, String)>,
}

/// The rules and what they can look at.
pub struct Gate<'a> {
    repository: &'a Repository,
    keys: &'a UserKeys,
    leeway: Leeway,
    /// In an emergency, rules that cannot be read stop nothing but what is new.
    rules: Result<(Engine, World)>,
}

impl<'a> Gate<'a> {
    /// Reads the rules, the keys as given, the log and the list of leaked keys.
    ///
    /// # Errors
    /// When a policy does not parse or validate, or a file cannot be read; in an emergency never.
    pub fn open(repository: &'a Repository, keys: &'a UserKeys, leeway: Leeway) -> Result<Self> {
        let rules = read(repository, keys);
        match rules {
            Err(e) if leeway != Leeway::Emergency => Err(e),
            rules => Ok(Self { repository, keys, leeway, rules }),
        }
    }

    /// The rules and the entities.
    pub fn rules(&self) -> Result<(&Engine, &World)> {
        self.rules.as_ref().map(|(engine, world)| (engine, world)).map_err(Clone::clone)
    }

    /// The repository that it was opened for.
    pub fn repository(&self) -> &Repository {
        self.repository
    }

    /// Whether a host's bundle may be made. `has` is the bundle that is there and verifies.
    ///
    /// # Errors
    /// The first denial.
    pub fn render(&self, operator: &str, host: &HostName, has: Option<&BundleManifest>) -> Result<Granted> {
        let mut granted = Granted::default();
        let emergency = self.leeway == Leeway::Emergency;
        let question = asked::render(operator, host);
        self.settle(question, emergency.then_some("done all the same"), &mut granted)?;
        for (name, secret) in self.repository.manifest().secrets_of(host) {
            let reference = secret.from.to_string();
            let had = has.is_some_and(|old| old.secrets.iter().any(|s| s.name == *name && s.reference == reference));
            let instead = match (emergency, had) {
                (true, true) => Some("it stays where it is"),
                (true, false) => Some("it is left out"),
                _ => None,
            };
            if !self.settle(deliver(host.as_str(), name.as_str(), true), instead, &mut granted)? && !had {
                granted.without_secrets.push(name.clone());
            }
        }
        for key in self.keys.all().iter().filter(|key| is_authorized(self.repository.manifest(), key, host)) {
            let line = key.line();
            let had = has.is_some_and(|old| old.authorized_keys.get(&key.user).is_some_and(|all| all.contains(&line)));
            let instead = match (self.leeway, had) {
                (Leeway::None, _) | (Leeway::Rotation, false) => None,
                (_, true) => Some("it stays where it is"),
                (Leeway::Emergency, false) => Some("it is left out"),
            };
            if !self.settle(authorize(key, host), instead, &mut granted)? && !had {
                granted.without_keys.push((key.user.clone(), line));
            }
        }
        Ok(granted)
    }

    /// Whether a bundle may go to its host: itself, and all that it holds, as the rules are now.
    ///
    /// # Errors
    /// The first denial.
    pub fn push(&self, operator: &str, bundle: &BundleManifest) -> Result<Warnings> {
        let mut granted = Granted::default();
        let (host, manifest) = (&bundle.host, self.repository.manifest());
        // What break-glass sealed and signed on the worst day is not held up.
        let leeway = if operator == BREAK_GLASS_SIGNER { Leeway::Emergency } else { self.leeway };
        let emergency = leeway == Leeway::Emergency;
        self.settle(asked::push(operator, host), emergency.then_some("done all the same"), &mut granted)?;
        for secret in bundle.secrets.iter().filter(|secret| manifest.secrets.contains_key(&secret.name)) {
            let question = deliver(host.as_str(), secret.name.as_str(), true);
            self.settle(question, emergency.then_some("it stays where it is"), &mut granted)?;
        }
        for key in self.keys.all() {
            if bundle.authorized_keys.get(&key.user).is_some_and(|lines| lines.contains(&key.line())) {
                let instead = (leeway != Leeway::None).then_some("it stays where it is");
                self.settle(authorize(key, host), instead, &mut granted)?;
            }
        }
        Ok(granted.warnings)
    }

    /// Whether an operator may sign bundles with the signing key that `pkeys.toml` has.
    ///
    /// # Errors
    /// The denial.
    pub fn sign(&self, operator: &str) -> Result<Warnings> {
        let mut granted = Granted::default();
        if self.repository.manifest().signers.contains_key(operator) {
            let instead = (self.leeway == Leeway::Emergency).then_some("done all the same");
            self.settle(asked::sign(operator), instead, &mut granted)?;
        }
        Ok(granted.warnings)
    }

    /// Whether a key of `keys` may be taken in for its user, and may log in on each of its hosts.
    ///
    /// # Errors
    /// The first denial.
    pub fn admit(&self, key: &UserKey) -> Result<Warnings> {
        let mut granted = Granted::default();
        self.settle(use_key(key), None, &mut granted)?;
        for host in hosts_of(self.repository.manifest(), key) {
            self.settle(authorize(key, host), None, &mut granted)?;
        }
        Ok(granted.warnings)
    }

    /// Everything that is denied now, and all warnings: asks what `render` would, of every host.
    ///
    /// # Errors
    /// When the rules cannot be asked.
    pub fn all(&self, operator: &str) -> Result<(Vec<Denial>, Warnings)> {
        let manifest = self.repository.manifest();
        let mut questions = Vec::new();
        if manifest.signers.contains_key(operator) {
            questions.push(asked::sign(operator));
        }
        for host in manifest.hosts.keys() {
            questions.push(asked::render(operator, host));
            questions.extend(manifest.secrets_of(host).map(|(name, _)| deliver(host.as_str(), name.as_str(), true)));
            let keys = self.keys.all().iter().filter(|key| is_authorized(manifest, key, host));
            questions.extend(keys.map(|key| authorize(key, host)));
        }
        self.rules()?;
        let mut warnings = Warnings::default();
        let denials = questions.into_iter().filter_map(|asked| self.ask(&asked, &mut warnings)).collect();
        Ok((denials, warnings))
    }

    fn ask(&self, asked: &Asked, warnings: &mut Warnings) -> Option<Denial> {
        let (engine, world) = match &self.rules {
            Ok(rules) => (&rules.0, &rules.1),
            Err(e) => {
                return Some(Denial { what: asked.what.clone(), rule: None, more: 0, broken: Some(e.clone()) });
            }
        };
        let decision = engine.decide(&world.entities, &asked.question);
        for warning in &decision.warnings {
            warnings.add(&engine.rules[*warning], asked.whom.clone());
        }
        (!decision.allowed).then(|| Denial::new(asked.what.clone(), &decision, &engine.rules))
    }

    /// Whether it is allowed. A denial is an error, or with `instead` a warning.
    fn settle(&self, asked: Asked, instead: Option<&str>, granted: &mut Granted) -> Result<bool> {
        match (self.ask(&asked, &mut granted.warnings), instead) {
            (None, _) => Ok(true),
            (Some(denial), None) => Err(denial.error()),
            (Some(denial), Some(instead)) => {
                granted.warnings.overrule(&denial, instead);
                Ok(false)
            }
        }
    }
}

fn read(repository: &Repository, keys: &UserKeys) -> Result<(Engine, World)> {
    let engine = files::load(repository)?;
    let world = World::read(repository, keys, &engine)?;
    Ok((engine, world))
}

impl World {
    /// From a repository, with these keys.
    ///
    /// # Errors
    /// When the log or the list of leaked keys cannot be read.
    pub(super) fn read(repository: &Repository, keys: &UserKeys, engine: &Engine) -> Result<Self> {
        let today = today();
        let days = |day: jiff::civil::Date| day.until(today).map_or(0, |span| i64::from(span.get_days()));
        let last_drill = audit::last_drill(repository)?.map(days);
        let facts = Facts { keys: Some(keys), leaked: leaked::read(repository)?, last_drill, today };
        Self::new(&engine.schema, repository.manifest(), &facts)
    }
}
