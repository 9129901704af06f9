//! What `check` says of the policies.

use crate::base::Result;
use crate::manifest::Finding;
use crate::policy::{Gate, Taken, files};

/// What is denied, and what the repository's own rules warn of. What the warnings that ship are about, `check` says itself,
/// with the line in `pkeys.toml` or `keys.toml`.
///
/// # Errors
/// When the rules cannot be asked.
pub fn check(gate: &Gate, operator: &str) -> Result<Vec<Finding>> {
    let (denials, warnings) = gate.all(operator)?;
    let mut findings: Vec<_> = denials
        .iter()
        .map(|denial| {
            let (file, line) = denial.rule.as_ref().map(place).unwrap_or(("pkeys.toml".into(), None));
            Finding { serious: true, file, line, message: denial.message(), hint: denial.fix() }
        })
        .collect();
    findings.extend(warnings.rules().into_iter().filter(|(rule, _)| !rule.built_in).map(|(rule, whom)| {
        let (file, line) = place(rule);
        let message = format!("{}: {} (rule {})", whom.join(", "), rule.reason, rule.id);
        Finding { serious: false, file, line, message, hint: rule.fix.clone() }
    }));
    findings.extend(files::unread(gate.repository())?.into_iter().map(|file| Finding {
        serious: false,
        message: "this file is not read: rules are in policies/*.cedar, their tests in policies/tests/*.toml".into(),
        hint: "rename or move it, or keep it outside policies/".into(),
        file,
        line: None,
    }));
    Ok(findings)
}

fn place(rule: &Taken) -> (String, Option<usize>) {
    let split = rule.place.rsplit_once(':').and_then(|(file, line)| Some((file.to_owned(), Some(line.parse().ok()?))));
    split.unwrap_or((rule.place.clone(), None))
}
