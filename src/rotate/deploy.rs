//! Bringing hosts to what the manifest and `keys.toml` say now: rendered and pushed.

use crate::audit;
use crate::base::{Error, HostName, Result};
use crate::grants::Trusted;
use crate::keys::UserKeys;
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::policy::{Gate, Leeway};
use crate::push::{self, Options};
use crate::render::{self, Sources, State};
use pkeys_bundle::wire::Status;
use std::collections::{BTreeMap, BTreeSet};

/// What became of each host: what it set apart, or why it has not what it should.
pub(super) struct Deployed(BTreeMap<HostName, Result<Vec<String>>>);

impl Deployed {
    /// What a host set apart when it installed what it should have.
    pub(super) fn on(&self, host: &HostName) -> Result<Vec<String>> {
        self.0.get(host).cloned().unwrap_or_else(|| Err(Error::new("it was not pushed")))
    }
}

/// What of a host's bundle is brought up to date.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All of it.
    All,
    /// Users' keys; the rest where no key changes.
    KeysFirst,
}

/// Asks the policies whether these hosts' bundles may be made, before anything is changed.
pub(super) fn may_render(repository: &Repository, keys: &Keys, hosts: &[HostName], leeway: Leeway) -> Result<()> {
    let user_keys = UserKeys::load(repository)?;
    let gate = Gate::open(repository, &user_keys, leeway)?;
    let operator = Sources::new(repository, keys).operator();
    gate.sign(&operator)?;
    let trusted = Trusted::of(repository)?;
    for host in hosts {
        let has = render::verify(repository, &trusted, host).ok().map(|authentic| authentic.manifest);
        gate.render(&operator, host, has.as_ref())?;
    }
    Ok(())
}

/// Renders and pushes; `done` hears of each host that took its bundle, `warn` of what was done against a policy.
pub(super) fn deploy(
    repository: &Repository,
    keys: &Keys,
    hosts: &[HostName],
    scope: Scope,
    options: Options,
    done: &(dyn Fn(&HostName) + Sync),
    warn: &dyn Fn(&str),
) -> Result<Deployed> {
    let sources = Sources::new(repository, keys);
    let plans = render::plan(repository, &sources, hosts, false, options.leeway)?.into_iter();
    let plans: Vec<_> = plans.map(|plan| if scope == Scope::All { plan } else { plan.keys_first() }).collect();
    let overruled = plans.iter().flat_map(|plan| plan.warnings.overruled()).collect::<BTreeSet<_>>();
    overruled.iter().for_each(|line| warn(line));
    let rendered = render::run(repository, &sources, keys, &plans, &|_| {})?;
    audit::append(repository, &render::actions(&plans, &rendered))?;
    let mut results: BTreeMap<HostName, Result<Vec<String>>> = BTreeMap::new();
    for plan in &plans {
        let result = match &plan.state {
            State::Failed(e) => Err(e.clone()),
            State::Unchanged => Ok(Vec::new()),
            State::Stale { .. } => match rendered.iter().find(|one| one.host == plan.host) {
                Some(one) => one.result.clone().map(|_| Vec::new()),
                None => Err(Error::new("it was not rendered")),
            },
        };
        results.insert(plan.host.clone(), result.map_err(|e| e.context("cannot render it")));
    }
    let ready: Vec<_> = results.iter().filter(|(_, r)| r.is_ok()).map(|(host, _)| host.clone()).collect();
    let emergency_key = if options.leeway == Leeway::Emergency { Some(keys.signing_key()?) } else { None };
    let pushed = push::push(repository, &ready, Options { emergency_key, ..options }, |one| {
        if one.result.is_ok() {
            done(&one.host);
        }
    })?;
    for one in pushed {
        let installed = one.result.and_then(|answer| match answer.activation {
            Some(activation) if activation.status == Status::Failed => {
                Err(Error::new("it took the bundle, and could not install it")
                    .hint(format!("`pkeys push {}` says why", one.host)))
            }
            Some(activation) => Ok(activation.problems),
            None => Ok(Vec::new()),
        });
        results.insert(one.host, installed);
    }
    Ok(Deployed(results))
}
