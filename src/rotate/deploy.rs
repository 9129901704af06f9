//! Bringing hosts to what the manifest and `keys.toml` say now: rendered and pushed.

use crate::audit;
use crate::base::{Error, HostName, Result};
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::push::{self, Options};
use crate::render::{self, Sources, State};
use std::collections::BTreeMap;

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

/// Renders and pushes; `done` hears of each host that took its bundle.
pub(super) fn deploy(
    repository: &Repository,
    keys: &Keys,
    hosts: &[HostName],
    scope: Scope,
    options: Options,
    done: &(dyn Fn(&HostName) + Sync),
) -> Result<Deployed> {
    let sources = Sources::new(repository, keys);
    let plans = render::plan(repository, &sources, hosts, false).into_iter();
    let plans: Vec<_> = plans.map(|plan| if scope == Scope::All { plan } else { plan.keys_first() }).collect();
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
    let pushed = push::push(repository, &ready, options, |one| {
        if one.result.is_ok() {
            done(&one.host);
        }
    });
    for one in pushed {
        let installed = one.result.and_then(|answer| match answer.activation {
            Some(activation) if activation.status == "failed" => {
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
