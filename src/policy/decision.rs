//! What was decided, and how that is said.

use crate::base::Error;
use crate::policy::Rule;

/// What the rules say to one question. The rules are numbers in [`super::Engine::rules`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be.
    pub allowed: bool,
    /// The rules that decided: those that permit, or those that forbid. None where no rule permits.
    pub rules: Vec<usize>,
    /// Whether those rules failed while they were asked.
    pub failed: bool,
    /// The rules that warn.
    pub warnings: Vec<usize>,
}

/// Why something may not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What was asked: `host web may not get the secret db`.
    pub what: String,
    /// The rule; `None` where none permits.
    pub rule: Option<Taken>,
    /// How many more rules forbid it.
    pub more: usize,
    /// The rules could not be read: why.
    pub broken: Option<Error>,
}

/// A rule that took part, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its `@id`.
    pub id: String,
    /// Its `@reason`.
    pub reason: String,
    /// Its `@fix`.
    pub fix: String,
    /// `policies/mine.cedar:3`
    pub place: String,
    /// Whether it ships with pkeys.
    pub built_in: bool,
}

impl Taken {
    pub(super) fn of(rule: &Rule) -> Self {
        let (id, reason, fix) = (rule.id.clone(), rule.reason.clone(), rule.fix.clone());
        Self { id, reason, fix, place: rule.place(), built_in: rule.is_built_in() }
    }
}

impl Denial {
    pub(super) fn new(what: String, decision: &Decision, rules: &[Rule]) -> Self {
        let rule = decision.rules.first().map(|at| Taken::of(&rules[*at])).map(|taken| match decision.failed {
            true => Taken { reason: "the rule failed while it was asked, which counts as no".into(), ..taken },
            false => taken,
        });
        Self { what, rule, more: decision.rules.len().saturating_sub(1), broken: None }
    }

    /// The message, without the fix.
    pub fn message(&self) -> String {
        let more = if self.more == 0 { String::new() } else { format!(", and {} more", self.more) };
        match (&self.broken, &self.rule) {
            (Some(error), _) => format!("{}: the policies cannot be asked: {error}", self.what),
            (None, Some(rule)) => format!("{}: {} (rule {}, {}{more})", self.what, rule.reason, rule.id, rule.place),
            (None, None) => format!("{}: no rule permits it", self.what),
        }
    }

    /// As the error of the command that stops.
    pub fn error(&self) -> Error {
        Error::new(self.message()).hint(self.fix())
    }

    /// What to do.
    pub fn fix(&self) -> String {
        match (&self.broken, &self.rule) {
            (Some(error), _) => error.next_step().unwrap_or("`pkeys policy check`").to_owned(),
            (None, Some(rule)) => rule.fix.clone(),
            (None, None) => "see docs/policies.md: what is not permitted is denied".into(),
        }
    }
}

/// What is worth knowing though it stopped nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    /// A rule that warns, and whom it is about.
    found: Vec<(Taken, String)>,
    /// What a rule denies, and was done all the same because it takes something away.
    overruled: Vec<String>,
}

/// So many names stand in one line.
const NAMED: usize = 5;

impl Warnings {
    pub(super) fn add(&mut self, rule: &Rule, whom: String) {
        self.found.push((Taken::of(rule), whom));
    }

    pub(super) fn overrule(&mut self, denial: &Denial, instead: &str) {
        self.overruled.push(format!("{}; {instead}", denial.message()));
    }

    /// Takes over those of another.
    pub fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
        self.overruled.extend(other.overruled);
    }

    /// What a rule denies, and was done all the same.
    pub fn overruled(&self) -> Vec<String> {
        let mut lines = self.overruled.clone();
        lines.sort();
        lines.dedup();
        lines
    }

    /// One line for each rule, with those whom it is about, and the fix.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.overruled();
        lines.extend(self.rules().into_iter().map(|(rule, whom)| {
            let more = whom.len().saturating_sub(NAMED);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let named = whom[..whom.len().min(NAMED)].join(", ");
            format!("{named}{more}: {} (rule {}, {}): {}", rule.reason, rule.id, rule.place, rule.fix)
        }));
        lines
    }

    /// The rules that warn, each with those whom it is about.
    pub fn rules(&self) -> Vec<(&Taken, Vec<&str>)> {
        let mut all: Vec<(&Taken, Vec<&str>)> = Vec::new();
        for (rule, whom) in &self.found {
            match all.iter_mut().find(|(known, _)| known.id == rule.id) {
                Some((_, names)) if names.contains(&whom.as_str()) => {}
                Some((_, names)) => names.push(whom),
                None => all.push((rule, vec![whom])),
            }
        }
        all
    }
}
