//! Asking a host what it has: `pkeys-activate report`.

use crate::base::{Error, Result};
use crate::remote::target::Target;
use crate::remote::{answer, connect};
use pkeys_bundle::wire::{REPORT_FORMAT, Report};
use serde_json::Value;
use std::process::Output;

/// What runs on the host; a login that may only push can ask for it too.
pub(super) const REPORT: &str = "pkeys-activate report";

/// What a host made of the question.
#[derive(Clone, Debug)]
pub enum Asked {
    /// It reported.
    Report(Box<Report>),
    /// Its program is from before there were reports.
    TooOld,
}

impl Asked {
    /// The report.
    ///
    /// # Errors
    /// If the host's program is too old for one.
    pub fn report(self) -> Result<Report> {
        match self {
            Self::Report(report) => Ok(*report),
            Self::TooOld => Err(Error::new("its pkeys-activate is older and cannot report")
                .hint("deploy the host with the pkeys of this release; `pkeys push` works meanwhile")),
        }
    }
}

/// Asks a host.
///
/// # Errors
/// If it cannot be reached, has no `pkeys-activate`, or cannot report.
pub fn report(target: &Target) -> Result<Asked> {
    parse(&connect::run(target, REPORT, |_| Ok(()))?)
}

fn parse(output: &Output) -> Result<Asked> {
    let line = answer::line(output);
    let said: Value = serde_json::from_slice(line).unwrap_or_default();
    if said["format"] != REPORT_FORMAT {
        return if is_too_old(output.status.code(), line, &said) {
            Ok(Asked::TooOld)
        } else {
            Err(answer::none(output))
        };
    }
    let text = |name: &str| said["candidate"][name].as_str().unwrap_or_default().to_owned();
    let (manifest, signature) = (text("manifest"), text("signature"));
    let mut report: Report = serde_json::from_value(answer::plain(said)).map_err(|_| answer::none(output))?;
    if let Some(candidate) = &mut report.candidate {
        // Byte for byte: they are verified.
        (candidate.manifest, candidate.signature) = (manifest, signature);
    }
    match (report.error, report.hint) {
        (None, _) => Ok(Asked::Report(Box::new(Report { error: None, hint: None, ..report }))),
        (Some(error), hint) => Err(Error::new(format!("it cannot report: {error}"))
            .hint(hint.unwrap_or_else(|| "does `pkeys-activate report` work there, as root?".into()))),
    }
}

/// Whether the answer is one of a program that knows no reports. It takes the question for a subcommand that it does not have, which
/// is exit status 2 and no answer, or behind its socket for a bundle, which it does not accept. No words decide: they may be
/// anybody's.
fn is_too_old(status: Option<i32>, line: &[u8], said: &Value) -> bool {
    let refuses_the_command_line = status == Some(2) && line.is_empty();
    refuses_the_command_line || said["accepted"] == false && said.get("format").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn said(status: i32, out: &str, err: &str) -> Result<Asked> {
        let status = std::process::ExitStatus::from_raw(status << 8);
        parse(&Output { status, stdout: out.into(), stderr: err.into() })
    }

    #[test]
    fn a_report_is_the_last_line_and_unknown_fields_and_control_characters_do_no_harm() {
        let line = concat!(
            r#"{"format":"pkeys-report/1","version":"9","new":1,"problems":["a\u001b[2Jb"],"error":null,"#,
            r#""installed":{"secrets":3,"authorizedKeys":null},"units":{"a.service\n":"failed"}}"#
        );
        let report = said(0, &format!("Welcome\n{line}\n"), "").unwrap().report().unwrap();
        assert_eq!((report.version.as_str(), report.problems[0].as_str()), ("9", "a[2Jb"));
        assert_eq!(report.installed.unwrap().secrets, Some(3));
        assert_eq!(report.units.unwrap()["a.service"], "failed");
    }

    #[test]
    fn whatever_is_no_report_says_what_to_do() {
        for (status, out, err, message) in [
            (127, "", "sh: pkeys-activate: not found", "pkeys-activate is not there"),
            (0, r#"{"format":"pkeys-report/9"}"#, "", "the host gave no answer that pkeys knows"),
            (0, "", "", "the host gave no answer that pkeys knows"),
            (1, r#"{"format":"pkeys-report/1","error":"no spec"}"#, "", "it cannot report: no spec"),
            (1, "", "error: unrecognized subcommand 'report'", "the host gave no answer that pkeys knows"),
            (2, "its pkeys-activate is older", "", "the host gave no answer that pkeys knows"),
        ] {
            let error = said(status, out, err).unwrap_err();
            assert!(error.message().starts_with(message) && error.next_step().is_some(), "{message}: {error:?}");
        }
    }

    #[test]
    fn an_older_program_is_known_by_its_exit_status_or_its_answer_and_not_by_words() {
        for (status, out, err) in [
            (1, r#"{"accepted":false,"error":"x"}"#, ""),
            (2, "", "error: unrecognized subcommand 'report'\n\nUsage: …"),
            (2, "", "in another language"),
            (2, "", ""),
        ] {
            let asked = said(status, out, err).unwrap();
            let error = asked.report().unwrap_err();
            assert_eq!(error.message(), "its pkeys-activate is older and cannot report");
            assert!(error.next_step().is_some());
        }
    }
}
