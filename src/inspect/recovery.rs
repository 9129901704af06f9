//! What to do, in order, when somebody else has a host. Data: nothing is done.

use crate::inspect::Exposure;
use std::collections::BTreeSet;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What and why.
    pub what: String,
    /// The command, where there is one.
    pub command: Option<String>,
}

impl Exposure {
    /// What is to be known beside the list.
    pub fn notes(&self) -> Vec<String> {
        let host = &self.host;
        let mut notes = Vec::new();
        if !self.opens.is_empty() {
            notes.push(format!(
                "Its key also opens the bundles of {}: their secrets are listed too.",
                join(&self.opens)
            ));
        }
        if !self.users.is_empty() {
            notes.push(format!(
            "{} may log in there. Only their public keys are on it; but an agent that was forwarded to it could be used.",
            join(&self.users)
        ));
        }
        notes.push(format!(
        "Old bundles of {host} in git's history stay readable to its old key: secrets that it had earlier count too."
    ));
        notes
    }

    /// The plan. The host's key comes first: what is sealed to the old one is as good as published.
    pub fn steps(&self) -> Vec<Step> {
        let host = &self.host;
        let step = |what: String, command: Option<String>| Step { what, command };
        let mut steps = vec![
            step(format!("Take {host} off the network and install it anew from what you trust."), None),
            step(
                "Make its new SSH host key its only recipient, before anything new is sealed to the old one. \
                 (`rotate --host` would send the new key sealed to the old one.)"
                    .into(),
                Some(format!("pkeys host add {host} --scan ADDRESS")),
            ),
        ];
        let mut seen = BTreeSet::new();
        for secret in self.secrets.iter().filter(|secret| seen.insert(&secret.reference)) {
            let name = &secret.name;
            steps.push(match secret.reference.strip_prefix("age:") {
                Some(file) => step(
                    format!("Change {name}, and make the old value worthless where it is used."),
                    Some(format!("pkeys secret set {file}     # or: pkeys secret generate {file} --force")),
                ),
                None => step(
                    format!(
                        "Change {name} in 1Password, at {}, and make the old value worthless where it is used.",
                        secret.reference
                    ),
                    None,
                ),
            });
        }
        for (user, label) in &self.user_keys {
            steps.push(step(
                format!("Replace the SSH key {user} {label}: the host could read its private half."),
                Some(format!("pkeys rotate {user} --key {label}")),
            ));
        }
        let hosts = join(self.hosts());
        steps.push(step("Seal the new values.".into(), Some(format!("pkeys render {hosts}"))));
        steps.push(step("Keep them.".into(), Some("git add -A && git commit".into())));
        steps.push(step("Bring them to every host that has one of them.".into(), Some(format!("pkeys push {hosts}"))));
        steps.push(step("See that it worked.".into(), Some(format!("pkeys host check {hosts}"))));
        steps
    }
}

/// Names with blanks between them, as a command line takes them.
pub fn join<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" ")
}
