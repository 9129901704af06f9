//! One rule: who it is, where it stands, what it says.

use crate::policy::Problem;
use crate::policy::names::{ACTIONS, Action};
use crate::policy::place::line_and_column;
use cedar_policy::{ActionConstraint, Effect, Policy, PolicyId};

/// What follows when a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It allows, if no rule forbids.
    Permit,
    /// It denies.
    Forbid,
    /// It warns.
    Warn,
}

impl Level {
    /// `permit`, `forbid` or `warn`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
            Self::Warn => "warn",
        }
    }
}

/// A rule of a policy file.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its `@id`: unique.
    pub id: String,
    /// Its `@reason`.
    pub reason: String,
    /// Its `@fix`; empty for one that permits and has none.
    pub fix: String,
    /// What follows when it applies.
    pub level: Level,
    /// The file: `policies/mine.cedar`, or `built-in baseline.cedar`.
    pub file: String,
    /// Its line there, from 1.
    pub line: usize,
    pub(super) policy: Policy,
}

const ANNOTATE: &str = "write before it: @id(\"a-name\") @reason(\"why\") @fix(\"what to do\")";

impl Rule {
    /// The rule that Cedar read as the one with this number (from 0) in a file.
    pub(super) fn new(file: &str, text: &str, number: usize, policy: &Policy) -> Result<Self, Problem> {
        let nameless = || Problem::new(file, None, format!("rule {} of the file has no @id", number + 1), ANNOTATE);
        let id = policy.annotation("id").filter(|id| !id.is_empty()).ok_or_else(nameless)?.to_owned();
        let line = line_of(text, &id);
        let level = match (policy.effect(), file.ends_with(".warn.cedar")) {
            (Effect::Permit, false) => Level::Permit,
            (Effect::Forbid, false) => Level::Forbid,
            (Effect::Forbid, true) => Level::Warn,
            (Effect::Permit, true) => {
                let message = format!("{id} permits, in a file of warnings");
                return Err(Problem::new(
                    file,
                    Some((line, 1)),
                    message,
                    "write `forbid`: what it matches is warned of",
                ));
            }
        };
        let text_of = |name: &str| match policy.annotation(name).unwrap_or_default() {
            "" if level == Level::Permit => Ok(String::new()),
            "" => Err(Problem::new(file, Some((line, 1)), format!("{id} has no @{name}"), ANNOTATE)),
            text => Ok(text.to_owned()),
        };
        let (reason, fix) = (text_of("reason")?, text_of("fix")?);
        let policy = policy.new_id(PolicyId::new(&id));
        Ok(Self { id, reason, fix, level, file: file.into(), line, policy })
    }

    /// `policies/mine.cedar:3`
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Whether it ships with pkeys.
    pub fn is_built_in(&self) -> bool {
        self.file.starts_with(super::files::BUILT_IN)
    }

    /// The actions that it can be about.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        let constraint = self.policy.action_constraint();
        ACTIONS.into_iter().filter(move |action| match &constraint {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(one) => *one == action.uid(),
            ActionConstraint::In(these) => these.contains(&action.uid()),
        })
    }
}

/// The line on which a rule with this `@id` starts.
fn line_of(text: &str, id: &str) -> usize {
    let wanted = format!("@id(\"{id}\")");
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let code = line.split("//").next().unwrap_or_default();
        let close: String = code.split_whitespace().collect();
        if close.contains(&wanted) || code.contains(&wanted) {
            return line_and_column(text, offset).0;
        }
        offset += line.len();
    }
    1
}
