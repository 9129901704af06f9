//! Asking Cedar.

use crate::policy::files::Counted;
use crate::policy::names::{ACTIONS, Action};
use crate::policy::{Decision, Level, Rule};
use cedar_policy::{
    AuthorizationError, Authorizer, Context, Entities, EntityUid, PolicySet, Request, Response, RestrictedExpression,
    Schema,
};
use std::collections::HashMap;

/// A question that rules decide.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub action: Action,
    pub principal: EntityUid,
    pub resource: EntityUid,
    pub context: Context,
}

/// The rules, ready to be asked.
///
/// Each action has a set of those rules alone that can be about it, so that a million questions are quick; a rule of
/// another action could not match anyway.
pub struct Engine {
    pub(super) rules: Vec<Rule>,
    pub(super) schema: Schema,
    actions: Vec<(Action, Sets)>,
    by_id: HashMap<String, usize>,
    authorizer: Authorizer,
}

struct Sets {
    uid: EntityUid,
    decide: PolicySet,
    /// The rules that permit alone.
    permit: PolicySet,
    /// `None` where no warning is about the action.
    warn: Option<PolicySet>,
}

impl Engine {
    pub(super) fn new(schema: Schema, rules: Vec<Rule>) -> Self {
        let set = |action: Action, warn: bool| {
            let fitting = rules.iter().filter(|rule| (rule.level == Level::Warn) == warn);
            let fitting = fitting.filter(|rule| rule.actions().any(|one| one == action));
            PolicySet::from_policies(fitting.map(|rule| rule.policy.clone())).expect("the ids differ")
        };
        let sets = |action: Action| {
            let permits = rules.iter().filter(|rule| rule.level == Level::Permit);
            let permits = permits.filter(|rule| rule.actions().any(|one| one == action));
            let permit = PolicySet::from_policies(permits.map(|rule| rule.policy.clone())).expect("the ids differ");
            let warn = Some(set(action, true)).filter(|set| !set.is_empty());
            (action, Sets { uid: action.uid(), decide: set(action, false), permit, warn })
        };
        let actions = ACTIONS.into_iter().map(sets).collect();
        let by_id = rules.iter().enumerate().map(|(at, rule)| (rule.id.clone(), at)).collect();
        Self { actions, by_id, authorizer: Authorizer::new(), rules, schema }
    }

    /// The rules, in the order of their files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How many rules there are of each kind.
    pub fn counted(&self) -> Counted {
        Counted::of(&self.rules)
    }

    /// Decides a question. A rule that fails while it is asked counts as one that forbids, or warns.
    pub(super) fn decide(&self, entities: &Entities, question: &Question) -> Decision {
        let sets = &self.actions[question.action as usize].1;
        let request = Request::new(
            question.principal.clone(),
            sets.uid.clone(),
            question.resource.clone(),
            question.context.clone(),
            None,
        );
        let Ok(request) = request else { return Decision::default() };
        let response = self.authorizer.is_authorized(&request, &sets.decide, entities);
        let failed: Vec<_> = self.failed(&response);
        let allowed = failed.is_empty() && response.decision() == cedar_policy::Decision::Allow;
        let rules = if failed.is_empty() { self.reasons(&response) } else { failed.clone() };
        let warnings = sets.warn.as_ref().map_or_else(Vec::new, |warn| {
            let response = self.authorizer.is_authorized(&request, warn, entities);
            let mut found = self.reasons(&response);
            found.extend(self.failed(&response));
            found
        });
        Decision { allowed, rules, failed: !failed.is_empty(), warnings }
    }

    /// Whether any rule permits it. Where none does it is denied, whatever the others say: they need not be asked.
    pub(super) fn permits(&self, entities: &Entities, question: &Question) -> bool {
        let sets = &self.actions[question.action as usize].1;
        let (principal, resource) = (question.principal.clone(), question.resource.clone());
        let request = Request::new(principal, sets.uid.clone(), resource, question.context.clone(), None);
        request.is_ok_and(|request| {
            let response = self.authorizer.is_authorized(&request, &sets.permit, entities);
            response.decision() == cedar_policy::Decision::Allow
        })
    }

    /// Whether one rule alone matches a question.
    pub(super) fn matches(&self, rule: &Rule, entities: &Entities, question: &Question) -> bool {
        let set = PolicySet::from_policies([rule.policy.clone()]).expect("one rule");
        let action = question.action.uid();
        let (principal, resource) = (question.principal.clone(), question.resource.clone());
        let Ok(request) = Request::new(principal, action, resource, question.context.clone(), None) else {
            return false;
        };
        let response = self.authorizer.is_authorized(&request, &set, entities);
        response.diagnostics().reason().next().is_some() || response.diagnostics().errors().next().is_some()
    }

    fn reasons(&self, response: &Response) -> Vec<usize> {
        let mut found: Vec<_> =
            response.diagnostics().reason().filter_map(|id| self.by_id.get(id.as_ref() as &str).copied()).collect();
        found.sort_unstable();
        found
    }

    fn failed(&self, response: &Response) -> Vec<usize> {
        let number = |error: &AuthorizationError| match error {
            AuthorizationError::PolicyEvaluationError(error) => self.find(error.policy_id().as_ref()),
        };
        response.diagnostics().errors().filter_map(number).collect()
    }

    /// The number of the rule with this `@id`.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }
}

/// A context of one entry.
pub(super) fn context(name: &str, value: RestrictedExpression) -> Context {
    Context::from_pairs([(name.to_owned(), value)]).expect("one entry")
}
