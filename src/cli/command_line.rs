//! Reading the command line. What may be a secret on it is not repeated when it is refused.

use crate::base::usage;
use crate::cli::args::Args;
use crate::cli::ui::refused;
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Parses the command line. What is wrong with it, or the help that was asked for, is printed; then the exit status.
pub(super) fn read(arguments: Vec<OsString>) -> Result<Args, ExitCode> {
    Args::try_parse_from(arguments).map_err(|error| {
        if !error.use_stderr() {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        refused(&usage::explained(error));
        ExitCode::from(2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::masking::Masks;
    use clap::CommandFactory;

    /// A private key in PEM, whose body shows where it was repeated.
    const PEM: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXkHUNTER2\n-----END OPENSSH PRIVATE KEY-----";

    fn said(words: &[&str]) -> Option<String> {
        let error = Args::try_parse_from([&["pkeys"], words].concat()).err()?;
        Some(usage::without(error, &Masks::of(words)))
    }

    #[test]
    fn a_private_key_is_not_repeated_wherever_it_stands_and_a_typo_is() {
        let long = format!("{}HUNTER2", "x".repeat(100));
        let token = format!("ghp_{}HUNTER2", "a".repeat(36));
        for key in [PEM, "AGE-SECRET-KEY-1HUNTER2", "age-secret-key-pq-1HUNTER2", "PKEYS-SHARE-1HUNTER2", &long, &token]
        {
            let mut tried = 0;
            everywhere(&Args::command(), &mut Vec::new(), key, &mut |words| {
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                tried += 1;
                if let Some(said) = said(&words) {
                    assert!(said.contains("error:") && !said.contains("HUNTER2"), "{words:?}\n{said}");
                }
            });
            assert!(tried > 300, "{tried}");
        }
        assert!(said(&["host", "add", "we b"]).unwrap().contains("we b"));
        assert!(said(&["statsu"]).unwrap().contains("statsu"));
        assert!(said(&["render", "--frce"]).unwrap().contains("--force"));
    }

    #[test]
    fn a_short_password_behind_a_name_is_not_repeated() {
        for words in
            [["secret", "set", "db", "hunter2"], ["secret", "set", "db", "-hunter2!"], ["login", "hunter2", "", ""]]
        {
            let said = said(&words).unwrap();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn control_characters_are_shown_as_escapes() {
        let said = said(&["host", "add", "a\u{7}\u{202e}b"]).unwrap();
        // clap itself drops some of them.
        assert!(said.contains("\\u202eb") && !said.contains(['\u{7}', '\u{202e}']), "{said}");
    }

    /// Every subcommand with a value in the place of each argument, and in places where none belongs.
    fn everywhere(command: &clap::Command, before: &mut Vec<String>, value: &str, run: &mut dyn FnMut(&[String])) {
        let mut with = |more: &[&str]| {
            run(&before.iter().cloned().chain(more.iter().map(ToString::to_string)).collect::<Vec<_>>());
        };
        for prefix in [&[][..], &["a"], &["a", "b"], &["a", "b", "c", "d"], &["--"]] {
            with(&[prefix, &[value]].concat());
            with(&[prefix, &["--nothing", value]].concat());
            with(&[prefix, &[&format!("--nothing={value}"), "x"]].concat());
        }
        for option in command.get_arguments().filter_map(clap::Arg::get_long).chain(["repo", "color"]) {
            for prefix in [&[][..], &["a"], &["a", "b"]] {
                with(&[prefix, &[&format!("--{option}"), value]].concat());
                with(&[prefix, &[&format!("--{option}={value}")]].concat());
                with(&[prefix, &[&format!("--{option}{value}")]].concat());
            }
        }
        for sub in command.get_subcommands() {
            before.push(sub.get_name().to_owned());
            everywhere(sub, before, value, run);
            before.pop();
        }
    }
}
