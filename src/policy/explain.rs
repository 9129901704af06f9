//! Why a host gets a secret, or does not.

use crate::base::{Error, HostName, Result, SecretName};
use crate::policy::asked::deliver;
use crate::policy::names::Action;
use crate::policy::{Gate, Level, Taken};

/// A rule about `deliver`, and whether it applies here.
#[derive(Debug)]
pub struct Part {
    /// The rule.
    pub rule: Taken,
    /// What follows when it applies.
    pub level: Level,
    /// Whether it applies.
    pub applies: bool,
}

/// Why a host gets a secret, or does not.
#[derive(Debug)]
pub struct Explained {
    /// Whether `hosts` of the secret in `pkeys.toml` select the host.
    pub selected: bool,
    /// Whether it may get it.
    pub allowed: bool,
    /// All rules about deliveries; those that apply first.
    pub parts: Vec<Part>,
}

/// Asks the rules whether a host may get a secret, as `pkeys.toml` is now.
///
/// # Errors
/// When there is no such host or secret, or the rules cannot be asked.
pub fn explain(gate: &Gate, host: &HostName, secret: &SecretName) -> Result<Explained> {
    let manifest = gate.repository().manifest();
    gate.repository().hosts(std::slice::from_ref(host))?;
    if !manifest.secrets.contains_key(secret) {
        let known = manifest.secrets.keys().map(SecretName::as_str);
        let near = crate::base::error::did_you_mean(secret.as_str(), known);
        let hint = near.map_or_else(|| "see `pkeys secret list`".into(), |near| format!("did you mean {near}?"));
        return Err(Error::new(format!("pkeys.toml has no secret {secret}")).hint(hint));
    }
    let (engine, world) = gate.rules()?;
    let selected = manifest.secrets_of(host).any(|(name, _)| name == secret);
    let question = deliver(host.as_str(), secret.as_str(), selected).question;
    let allowed = engine.decide(&world.entities, &question).allowed;
    let about = engine.rules().iter().filter(|rule| rule.actions().any(|action| action == Action::Deliver));
    let mut parts: Vec<_> = about
        .map(|rule| Part {
            rule: Taken::of(rule),
            level: rule.level,
            applies: engine.matches(rule, &world.entities, &question),
        })
        .collect();
    parts.sort_by_key(|part| !part.applies);
    Ok(Explained { selected, allowed, parts })
}
