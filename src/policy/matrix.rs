//! Every host and every secret: what the rules say to each pair.

use crate::base::{HostName, Result, SecretName, parallel};
use crate::policy::asked::selected;
use crate::policy::engine::Question;
use crate::policy::names::{self, Action};
use crate::policy::{Gate, Taken};
use std::collections::BTreeMap;

/// What the rules say to a host and a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// `pkeys.toml` gives it, and no rule forbids it.
    Gets,
    /// `pkeys.toml` gives it, and rules deny it.
    Denied,
    /// `pkeys.toml` does not give it.
    Not,
    /// `pkeys.toml` does not give it, and a rule permits it all the same: nothing is delivered.
    Could,
}

impl Cell {
    /// In JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gets => "gets",
            Self::Denied => "denied",
            Self::Not => "not given",
            Self::Could => "permitted, not given",
        }
    }

    /// In a table.
    pub fn sign(self) -> char {
        match self {
            Self::Gets => '+',
            Self::Denied => '!',
            Self::Not => '.',
            Self::Could => 'o',
        }
    }
}

/// All pairs.
#[derive(Debug)]
pub struct Matrix {
    /// The hosts, sorted.
    pub hosts: Vec<HostName>,
    /// The secrets, sorted.
    pub secrets: Vec<SecretName>,
    /// For each host a cell for each secret.
    pub cells: Vec<Vec<Cell>>,
    /// The rules that forbid what `pkeys.toml` gives, by host and secret (their places in the lists).
    pub denied: BTreeMap<(usize, usize), Vec<Taken>>,
}

/// Decides each pair, on all cores.
///
/// # Errors
/// When the rules cannot be asked.
pub fn matrix(gate: &Gate) -> Result<Matrix> {
    let (engine, world) = gate.rules()?;
    let manifest = gate.repository().manifest();
    let hosts: Vec<_> = manifest.hosts.keys().cloned().collect();
    let secrets: Vec<_> = manifest.secrets.keys().cloned().collect();
    let resources: Vec<_> = secrets.iter().map(|secret| names::secret(secret.as_str())).collect();
    let contexts = [selected(false), selected(true)];
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rows = parallel::each(&hosts, cores, |host| {
        let principal = names::host(host.as_str());
        let settings = &manifest.hosts[host];
        let mut row = Vec::with_capacity(secrets.len());
        let mut denied = Vec::new();
        for (at, (secret, resource)) in manifest.secrets.values().zip(&resources).enumerate() {
            let is_given = secret.hosts.iter().any(|selector| selector.selects(host, settings));
            let question = Question {
                action: Action::Deliver,
                principal: principal.clone(),
                resource: resource.clone(),
                context: contexts[usize::from(is_given)].clone(),
            };
            if !is_given && !engine.permits(&world.entities, &question) {
                row.push(Cell::Not);
                continue;
            }
            let decision = engine.decide(&world.entities, &question);
            row.push(match (is_given, decision.allowed) {
                (true, true) => Cell::Gets,
                (true, false) => {
                    denied.push((at, decision.rules.iter().map(|rule| Taken::of(&engine.rules()[*rule])).collect()));
                    Cell::Denied
                }
                (false, true) => Cell::Could,
                (false, false) => Cell::Not,
            });
        }
        (row, denied)
    });
    let mut matrix = Matrix { hosts, secrets, cells: Vec::with_capacity(rows.len()), denied: BTreeMap::new() };
    for (number, (row, denied)) in rows.into_iter().enumerate() {
        matrix.cells.push(row);
        matrix.denied.extend(denied.into_iter().map(|(at, rules)| ((number, at), rules)));
    }
    Ok(matrix)
}
