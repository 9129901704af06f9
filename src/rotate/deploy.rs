//! Bringing hosts to what `keys.toml` says now: rendered and pushed.

use crate::base::{Error, HostName, Result};
use crate::push::{self, Options};
use crate::render::{self, Sources, State};
use crate::rotate::{Event, Rotation};
use std::collections::BTreeMap;

impl Rotation<'_> {
    /// Renders and pushes; says for each host whether it has the authorized keys of now.
    pub(super) fn deploy(&self, hosts: &[HostName]) -> Result<BTreeMap<HostName, Result<()>>> {
        let sources = Sources::new(self.repository, self.keys);
        let plans = render::plan(self.repository, &sources, hosts, false);
        let rendered = render::run(self.repository, &sources, self.keys, &plans, &|_| {})?;
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
        let tell = self.tell;
        let pushed = push::push(self.repository, &ready, Options::default(), |one| {
            if one.result.is_ok() {
                tell(&Event::Deployed(one.host.clone()));
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
        Ok(results)
    }
}
