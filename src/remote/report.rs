//! Asking a host what it has: `pkeys-activate report`.

use crate::base::{Error, Result};
use crate::remote::target::Target;
use crate::remote::{answer, connect};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Output;

/// What runs on the host; a login that may only push can ask for it too.
pub(super) const REPORT: &str = "pkeys-activate report";

/// The format that this version knows.
const FORMAT: &str = "pkeys-report/1";

/// What a host says of itself. Words of the host, without control characters. Fields that this version does not know are
/// passed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// The version of `pkeys-activate` there.
    pub version: String,
    /// The formats of bundles that it takes; older programs do not say.
    pub formats: Vec<String>,
    /// Why there is no report.
    error: Option<String>,
    /// What to do about that.
    hint: Option<String>,
    /// The best bundle that is there and counts.
    pub candidate: Option<Candidate>,
    /// Why other bundles do not count.
    pub rejected: Vec<String>,
    /// What is installed; `None` when nothing is.
    pub installed: Option<Installed>,
    /// Every wanted file, with what is wrong with it.
    pub files: BTreeMap<String, Vec<String>>,
    /// What is wrong otherwise.
    pub problems: Vec<String>,
    /// The installed lines of each user.
    pub authorized_keys: BTreeMap<String, Vec<String>>,
    /// The public halves of the host's identities.
    pub identities: Vec<String>,
    /// The states of its units; `None` where they are not known.
    pub units: Option<BTreeMap<String, String>>,
}

/// A bundle that is on a host.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Candidate {
    /// Its generation.
    pub generation: u64,
    /// The digest of its payload.
    pub payload: String,
    /// The text of its `manifest.json`, as it is: to be verified, not to be shown.
    pub manifest: String,
    /// The text of its `manifest.json.sig`.
    pub signature: String,
}

/// The generations that are installed, where the host knows them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Installed {
    /// Of the secrets.
    pub secrets: Option<u64>,
    /// Of the authorized keys.
    pub authorized_keys: Option<u64>,
}

/// Asks a host.
///
/// # Errors
/// If it cannot be reached, has no `pkeys-activate` or an older one, or cannot report.
pub fn report(target: &Target) -> Result<Report> {
    parse(&connect::run(target, REPORT, |_| Ok(()))?)
}

fn parse(output: &Output) -> Result<Report> {
    let said: Value = serde_json::from_slice(answer::line(output)).unwrap_or_default();
    if said["format"] != FORMAT {
        return Err(no_report(output, &said));
    }
    let text = |name: &str| said["candidate"][name].as_str().unwrap_or_default().to_owned();
    let (manifest, signature) = (text("manifest"), text("signature"));
    let mut report: Report = serde_json::from_value(plain(said)).map_err(|_| answer::none(output))?;
    if let Some(candidate) = &mut report.candidate {
        // Byte for byte: they are verified.
        (candidate.manifest, candidate.signature) = (manifest, signature);
    }
    match (report.error, report.hint) {
        (None, _) => Ok(Report { error: None, hint: None, ..report }),
        (Some(error), hint) => Err(Error::new(format!("it cannot report: {error}"))
            .hint(hint.unwrap_or_else(|| "does `pkeys-activate report` work there, as root?".into()))),
    }
}

/// Why an answer is not a report. An older program takes the question for a subcommand that it does not have, or behind
/// its socket for a bundle. Standard error may hold anybody's words: they decide nothing but the wording of the error.
fn no_report(output: &Output, said: &Value) -> Error {
    let text = String::from_utf8_lossy(&output.stderr);
    let unknown = output.status.code() == Some(2) && text.contains("unrecognized subcommand");
    if unknown || said["accepted"].is_boolean() {
        return Error::new("its pkeys-activate is older and cannot report")
            .hint("deploy the host with the pkeys of this release; `pkeys push` works meanwhile");
    }
    answer::none(output)
}

/// All texts without control characters: they reach terminals.
fn plain(value: Value) -> Value {
    let text = |text: String| text.chars().filter(|c| !c.is_control()).collect::<String>();
    match value {
        Value::String(it) => text(it).into(),
        Value::Array(all) => all.into_iter().map(plain).collect(),
        Value::Object(all) => all.into_iter().map(|(name, value)| (text(name), plain(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn said(status: i32, out: &str, err: &str) -> Result<Report> {
        let status = std::process::ExitStatus::from_raw(status << 8);
        parse(&Output { status, stdout: out.into(), stderr: err.into() })
    }

    #[test]
    fn a_report_is_the_last_line_and_unknown_fields_and_control_characters_do_no_harm() {
        let line = concat!(
            r#"{"format":"pkeys-report/1","version":"9","new":1,"problems":["a\u001b[2Jb"],"error":null,"#,
            r#""installed":{"secrets":3,"authorizedKeys":null},"units":{"a.service\n":"failed"}}"#
        );
        let report = said(0, &format!("Welcome\n{line}\n"), "").unwrap();
        assert_eq!((report.version.as_str(), report.problems[0].as_str()), ("9", "a[2Jb"));
        assert_eq!(report.installed.unwrap().secrets, Some(3));
        assert_eq!(report.units.unwrap()["a.service"], "failed");
    }

    #[test]
    fn whatever_is_no_report_says_what_to_do() {
        let older = "its pkeys-activate is older and cannot report";
        for (status, out, err, message) in [
            (1, r#"{"accepted":false,"error":"x"}"#, "", older),
            (2, "", "error: unrecognized subcommand 'report'\n\nUsage: …", older),
            (127, "", "sh: pkeys-activate: not found", "pkeys-activate is not there"),
            (0, r#"{"format":"pkeys-report/9"}"#, "", "the host gave no answer that pkeys knows"),
            (0, "", "", "the host gave no answer that pkeys knows"),
            (1, r#"{"format":"pkeys-report/1","error":"no spec"}"#, "", "it cannot report: no spec"),
        ] {
            let error = said(status, out, err).unwrap_err();
            assert!(error.message().starts_with(message) && error.next_step().is_some(), "{message}: {error:?}");
        }
    }
}
