//! Reading policies: what ships, and what the repository adds.

use crate::base::files::{self, Beneath};
use crate::base::{Error, Result};
use crate::manifest::{PolicyLevel, Repository};
use crate::policy::leaked::LEAKED_FILE;
use crate::policy::{Engine, Level, Problem, Rule};
use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use std::collections::BTreeMap;
use std::str::FromStr;

/// How the files that ship are called.
pub(super) const BUILT_IN: &str = "built-in ";
/// Where a repository's own policies are.
const DIRECTORY: &str = "policies";
const MAX_FILE: usize = 4 * 1024 * 1024;

/// The schema that ships.
pub(super) const SCHEMA: &str = include_str!("../../policies/pkeys.cedarschema");
const BASELINE: [(&str, &str); 2] = [
    ("built-in baseline.cedar", include_str!("../../policies/baseline.cedar")),
    ("built-in baseline.warn.cedar", include_str!("../../policies/baseline.warn.cedar")),
];
const STRICT: (&str, &str) = ("built-in strict.cedar", include_str!("../../policies/strict.cedar"));

/// How many rules there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// That permit.
    pub permit: usize,
    /// That deny.
    pub forbid: usize,
    /// That warn.
    pub warn: usize,
}

impl Counted {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let number = |level| rules.iter().filter(|rule| rule.level == level).count();
        Self { permit: number(Level::Permit), forbid: number(Level::Forbid), warn: number(Level::Warn) }
    }
}

/// The schema, parsed.
pub(super) fn schema() -> Schema {
    Schema::from_cedarschema_str(SCHEMA).expect("the schema ships, and a test reads it").0
}

/// The rules of a repository.
///
/// # Errors
/// The first thing that is wrong with them, with its place.
pub fn load(repository: &Repository) -> Result<Engine> {
    let (engine, problems) = read(repository, repository.manifest().policy)?;
    match problems.first() {
        None => Ok(engine),
        Some(problem) => Err(problem.error()),
    }
}

/// The same, with all that is wrong. The rules count only where nothing is.
///
/// # Errors
/// When a file cannot be read.
pub fn read(repository: &Repository, level: PolicyLevel) -> Result<(Engine, Vec<Problem>)> {
    let mut texts: Vec<(String, String)> = shipped(level);
    texts.extend(own(repository)?);
    Ok(parse(&texts))
}

/// What ships, at a level: names and texts.
pub(super) fn shipped(level: PolicyLevel) -> Vec<(String, String)> {
    let strict = (level == PolicyLevel::Strict).then_some(STRICT);
    BASELINE.into_iter().chain(strict).map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// Parses files together.
pub(super) fn parse(texts: &[(String, String)]) -> (Engine, Vec<Problem>) {
    let schema = schema();
    let validator = Validator::new(schema.clone());
    let (mut rules, mut problems) = (Vec::new(), Vec::new());
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (file, text) in texts {
        match parse_one(file, text, &validator) {
            Err(found) => problems.extend(found),
            Ok(found) => {
                for rule in found {
                    if let Some(other) = seen.insert(rule.id.clone(), rule.place()) {
                        let message = format!("{} is the @id of another rule too: {other}", rule.id);
                        let hint = "give it a name of its own";
                        problems.push(Problem::new(file, Some((rule.line, 1)), message, hint));
                    } else {
                        rules.push(rule);
                    }
                }
            }
        }
    }
    (Engine::new(schema, rules), problems)
}

fn parse_one(file: &str, text: &str, validator: &Validator) -> std::result::Result<Vec<Rule>, Vec<Problem>> {
    let set = PolicySet::from_str(text)
        .map_err(|errors| errors.iter().map(|error| Problem::of(file, text, error)).collect::<Vec<_>>())?;
    let checked = validator.validate(&set, ValidationMode::Strict);
    let mut problems: Vec<_> = checked.validation_errors().map(|error| Problem::of(file, text, error)).collect();
    problems.sort_by_key(|problem| problem.at);
    if set.templates().next().is_some() {
        problems.push(Problem::new(file, None, "it has a template (?principal, ?resource)".into(), "name the entity"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    // Cedar calls them policy0, policy1, … in the order of the file.
    let number = |id: &str| id.trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX);
    let mut policies: Vec<_> = set.policies().map(|policy| (number(policy.id().as_ref()), policy)).collect();
    policies.sort_by_key(|(number, _)| *number);
    let (rules, problems): (Vec<_>, Vec<_>) = policies
        .into_iter()
        .map(|(number, policy)| Rule::new(file, text, number, policy))
        .partition(std::result::Result::is_ok);
    let problems: Vec<_> = problems.into_iter().filter_map(std::result::Result::err).collect();
    if problems.is_empty() { Ok(rules.into_iter().flatten().collect()) } else { Err(problems) }
}

/// The repository's own files, sorted by name, with their texts.
fn own(repository: &Repository) -> Result<Vec<(String, String)>> {
    files_of(repository, "", ".cedar")?.into_iter().map(|(name, path)| Ok((name, read_text(&path)?))).collect()
}

/// The files of a directory below `policies/` whose names end so, sorted: names from the root, and places.
pub(super) fn files_of(repository: &Repository, below: &str, end: &str) -> Result<Vec<(String, Beneath)>> {
    let directory = repository.file(DIRECTORY).join(below);
    let mut found = Vec::new();
    for entry in directory.names()?.unwrap_or_default() {
        let name = entry.to_string_lossy();
        if name.ends_with(end) && !name.starts_with('.') {
            let place = [DIRECTORY, below, &*name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
            found.push((place.join("/"), directory.join(&entry)));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// What is below `policies/` and read by nobody, sorted: a rule in it would be taken for one that holds.
///
/// # Errors
/// When a directory cannot be read.
pub(super) fn unread(repository: &Repository) -> Result<Vec<String>> {
    let root = repository.root();
    let mut found = Vec::new();
    let mut open = vec![root.join(DIRECTORY)];
    while let Some(directory) = open.pop() {
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::io("read", &directory, &e)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("read", &directory, &e))?;
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else if let Some(name) = path.strip_prefix(root).ok().filter(|name| !is_read(name)) {
                found.push(name.display().to_string());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Rules, tests of rules, the list of leaked keys, the schema for editors, and what is written for people.
fn is_read(name: &std::path::Path) -> bool {
    let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
    let hidden = |name: &str| name.starts_with('.');
    match &parts[1..] {
        [file] => {
            let known = [".cedar", ".cedarschema", ".md"].iter().any(|end| file.ends_with(end));
            (known || *name == *std::path::Path::new(LEAKED_FILE)) && !hidden(file)
        }
        [folder, file] if folder == "tests" => file.ends_with(".toml") && !hidden(file),
        _ => false,
    }
}

/// A file as text.
pub(super) fn read_text(path: &Beneath) -> Result<String> {
    let bytes = files::read(path, MAX_FILE)?.ok_or_else(|| Error::new(format!("{} vanished", path.display())))?;
    String::from_utf8(bytes).map_err(|_| Error::new(format!("{} is not UTF-8 text", path.display())))
}
