//! `policies/tests/*.toml`: what rules are expected to decide.

use crate::base::{Error, Result};
use crate::manifest::{PolicyLevel, Repository, parse};
use crate::policy::engine::Question;
use crate::policy::names::Action;
use crate::policy::{Engine, files, sample};
use cedar_policy::{Context, Entities, EntityUid, Request};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::str::FromStr;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Spanned<TestCase>>,
}

/// One case of a test file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    /// `deliver`, `authorize`, `use`, `render` or `push`.
    pub action: String,
    /// Who: `Host::"web"`. What the next three do not say is as it is for a healthy one.
    pub principal: String,
    #[serde(default)]
    principal_is: Map<String, Value>,
    #[serde(default)]
    principal_without: Vec<String>,
    #[serde(default)]
    principal_in: Vec<String>,
    /// What with: `Secret::"db"`.
    pub resource: String,
    #[serde(default)]
    resource_is: Map<String, Value>,
    #[serde(default)]
    resource_without: Vec<String>,
    #[serde(default)]
    resource_in: Vec<String>,
    #[serde(default)]
    context: Map<String, Value>,
    /// `allow`, `deny` or `warn`: allowed, with a warning.
    pub expect: Expect,
    /// A rule that must have decided, or warned.
    pub rule: Option<String>,
    /// A rule that must not apply.
    pub passes: Option<String>,
    /// With which of the policies that ship; without it, that of `pkeys.toml`.
    pub policy: Option<PolicyLevel>,
}

/// What a case expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// It may be, and no rule warns.
    Allow,
    /// It may not be.
    Deny,
    /// It may be, and a rule warns.
    Warn,
}

/// How a case ended.
#[derive(Debug)]
pub struct CaseResult {
    /// `policies/tests/mine.toml`
    pub file: String,
    /// Its line there.
    pub line: usize,
    /// What it was.
    pub case: TestCase,
    /// What was not as expected.
    pub problem: Option<String>,
}

/// Runs the cases of all test files of a repository.
///
/// # Errors
/// When the policies or a test file cannot be read.
pub fn run_tests(repository: &Repository) -> Result<Vec<CaseResult>> {
    let engine = |level| -> Result<Engine> {
        let (engine, problems) = files::read(repository, level)?;
        problems.first().map_or(Ok(engine), |problem| Err(problem.error()))
    };
    let engines = [engine(PolicyLevel::Baseline)?, engine(PolicyLevel::Strict)?];
    let mut results = Vec::new();
    for (name, path) in files::files_of(repository, "tests", ".toml")? {
        let text = files::read_text(&path)?;
        let file: File = parse::read(&name, &text, "see docs/policies.md")?;
        for case in file.case {
            let line = parse::line_of(&text, case.span().start);
            let case = case.into_inner();
            let level = case.policy.unwrap_or(repository.manifest().policy);
            let problem = case.run(&engines[usize::from(level == PolicyLevel::Strict)]).err();
            let problem = problem.map(|error| error.message().to_owned());
            results.push(CaseResult { file: name.clone(), line, case, problem });
        }
    }
    Ok(results)
}

impl TestCase {
    fn run(&self, engine: &Engine) -> Result<()> {
        let action = Action::named(&self.action).ok_or_else(|| {
            Error::new(format!("there is no action {}: deliver, authorize, use, render, push", self.action))
        })?;
        let (principal, resource) = (uid(&self.principal)?, uid(&self.resource)?);
        let entity = |of: &EntityUid, is: &Map<String, Value>, without: &[String], parents: &[String]| {
            let parents = parents.iter().map(|name| uid(name)).collect::<Result<Vec<_>>>()?;
            sample::like(of, is.clone(), without, &parents)
                .ok_or_else(|| Error::new(format!("there is no entity type {}", of.type_name())))
        };
        let all = vec![
            entity(&principal, &self.principal_is, &self.principal_without, &self.principal_in)?,
            entity(&resource, &self.resource_is, &self.resource_without, &self.resource_in)?,
        ];
        let entities = Entities::from_json_value(Value::Array(all), Some(&engine.schema)).map_err(|e| unfit(&e))?;
        let context = self.context(action, engine)?;
        Request::new(principal.clone(), action.uid(), resource.clone(), context.clone(), Some(&engine.schema))
            .map_err(|e| unfit(&e))?;
        let decision = engine.decide(&entities, &Question { action, principal, resource, context });
        let came = match (decision.allowed, decision.warnings.is_empty()) {
            (false, _) => Expect::Deny,
            (true, true) => Expect::Allow,
            (true, false) => Expect::Warn,
        };
        let part: Vec<_> = decision.rules.iter().chain(&decision.warnings).map(|at| &*engine.rules[*at].id).collect();
        let took = if part.is_empty() { "no rule".into() } else { part.join(", ") };
        if came != self.expect {
            return Err(Error::new(format!("expected {}, came {}: by {took}", self.expect.as_str(), came.as_str())));
        }
        for (id, wanted) in [(&self.rule, true), (&self.passes, false)] {
            let Some(id) = id else { continue };
            if engine.find(id).is_none() {
                return Err(Error::new(format!("there is no rule {id}")));
            }
            if part.contains(&id.as_str()) != wanted {
                let what = if wanted { "did not apply" } else { "applied" };
                return Err(Error::new(format!("the rule {id} {what}: it was decided by {took}")));
            }
        }
        Ok(())
    }

    /// What the case says, and else what is usual.
    fn context(&self, action: Action, engine: &Engine) -> Result<Context> {
        let mut all = Map::new();
        match action {
            Action::Deliver | Action::Authorize => drop(all.insert("selected".into(), true.into())),
            Action::Use => drop(all.insert("purpose".into(), "login".into())),
            Action::Render | Action::Push => {}
        }
        all.extend(self.context.clone());
        Context::from_json_value(Value::Object(all), Some((&engine.schema, &action.uid()))).map_err(|e| unfit(&e))
    }
}

impl Expect {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Warn => "warn",
        }
    }
}

/// What does not fit the schema. Cedar says the cause apart from the place.
fn unfit(error: &dyn std::error::Error) -> Error {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Error::new(format!("it does not fit the schema: {cause}"))
}

fn uid(text: &str) -> Result<EntityUid> {
    EntityUid::from_str(text).map_err(|_| Error::new(format!("{text} is no entity: write Host::\"web\"")))
}
