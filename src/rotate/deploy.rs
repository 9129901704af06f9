//! Bringing hosts to what the manifest and `keys.toml` say now: rendered and pushed.

use crate::audit;
use crate::base::{Error, HostName, Result};
use crate::manifest::Repository;
use crate::operator::Keys;
use crate::push::{self, Options};
use crate::render::{self, Sources, State};
use std::collections::BTreeMap;

/// What became of each host.
pub(super) struct Deployed(BTreeMap<HostName, Result<()>>);

impl Deployed {
    /// Whether a host has installed what it should have.
    pub(super) fn on(&self, host: &HostName) -> Result<()> {
        self.0.get(host).cloned().unwrap_or_else(|| Err(Error::new("it was not pushed")))
    }
}

/// Renders and pushes; `done` hears of each host that took its bundle.
pub(super) fn deploy(
    repository: &Repository,
    keys: &Keys,
    hosts: &[HostName],
    done: &(dyn Fn(&HostName) + Sync),
) -> Result<Deployed> {
    let sources = Sources::new(repository, keys);
    let plans = render::plan(repository, &sources, hosts, false);
    let rendered = render::run(repository, &sources, keys, &plans, &|_| {})?;
    audit::append(repository, &render::actions(&plans, &rendered))?;
    let mut results: BTreeMap<HostName, Result<()>> = BTreeMap::new();
    for plan in &plans {
        let result = match &plan.state {
            State::Failed(e) => Err(e.clone()),
            State::Unchanged => Ok(()),
            State::Stale { .. } => match rendered.iter().find(|one| one.host == plan.host) {
                Some(one) => one.result.clone().map(drop),
                None => Err(Error::new("it was not rendered")),
            },
        };
        results.insert(plan.host.clone(), result.map_err(|e| e.context("cannot render it")));
    }
    let ready: Vec<_> = results.iter().filter(|(_, r)| r.is_ok()).map(|(host, _)| host.clone()).collect();
    let pushed = push::push(repository, &ready, Options::default(), |one| {
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
            _ => Ok(()),
        });
        results.insert(one.host, installed);
    }
    Ok(Deployed(results))
}
