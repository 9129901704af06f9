//! `docs/policies.md`: what is generated of it is current (`UPDATE_EXPECTED=1` makes it so), and every example works.

use crate::common::{Sandbox, run_command};
use cedar_policy::{PolicySet, SchemaFragment};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const START: &str = "<!-- made by tests/it/policy_docs.rs: UPDATE_EXPECTED=1 -->\n";
const END: &str = "<!-- end -->";

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> (PathBuf, String) {
    let path = top().join("docs/policies.md");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

fn blocks(text: &str, kind: &str) -> Vec<String> {
    let after = |start: &str| start.split_once("\n```").expect("a block ends").0.to_owned();
    text.split(&format!("```{kind}\n")).skip(1).map(after).collect()
}

fn doc(value: &Value) -> String {
    value["annotations"]["doc"].as_str().expect("everything in the schema has a @doc").replace('|', "\\|")
}

/// The type of an attribute, as the schema writes it.
fn kind(value: &Value) -> String {
    let name = match value["type"].as_str().unwrap() {
        "EntityOrCommon" => value["name"].as_str().unwrap().trim_start_matches("__cedar::").to_owned(),
        "Set" => format!("Set<{}>", kind(&value["element"])),
        other => other.to_owned(),
    };
    if value["required"] == false { format!("{name}?") } else { name }
}

fn rows(out: &mut String, attributes: &Value) {
    for (name, value) in attributes.as_object().into_iter().flatten() {
        writeln!(out, "| `{name}` | `{}` | {} |", kind(value), doc(value)).unwrap();
    }
}

fn rules(out: &mut String, file: &str) {
    let text = std::fs::read_to_string(top().join("policies").join(file)).unwrap();
    writeln!(out, "\n| rule of `{file}` | |\n| --- | --- |").unwrap();
    let set = PolicySet::from_str(&text).unwrap();
    let mut all: Vec<_> = set.policies().collect();
    all.sort_by_key(|policy| text.find(&format!("@id(\"{}\")", policy.annotation("id").unwrap())));
    for policy in all {
        let say = |name: &str| policy.annotation(name).unwrap_or_default().to_owned();
        let fix = if say("fix").is_empty() { String::new() } else { format!(". Fix: {}", say("fix")) };
        let effect = if file.ends_with(".warn.cedar") { "warn".into() } else { policy.effect().to_string() };
        writeln!(out, "| `{}` | {effect}: {}{fix} |", say("id"), say("reason")).unwrap();
    }
}

fn generated() -> String {
    let text = std::fs::read_to_string(top().join("policies/pkeys.cedarschema")).unwrap();
    let schema = SchemaFragment::from_cedarschema_str(&text).unwrap().0.to_json_value().unwrap();
    let mut out = String::new();
    for file in ["baseline.cedar", "baseline.warn.cedar", "strict.cedar"] {
        rules(&mut out, file);
    }
    out += "\n## What rules can look at\n";
    for (name, entity) in schema[""]["entityTypes"].as_object().unwrap() {
        write!(out, "\n### {name}\n\n{}\n\n| attribute | type | |\n| --- | --- | --- |\n", doc(entity)).unwrap();
        rows(&mut out, &entity["shape"]["attributes"]);
    }
    out += "\n### Actions\n\n| action | principal | resource | context | |\n| --- | --- | --- | --- | --- |\n";
    for (name, action) in schema[""]["actions"].as_object().unwrap() {
        let applies = &action["appliesTo"];
        let list = |key: &str| -> String {
            applies[key].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect::<Vec<_>>().join(", ")
        };
        let context: Vec<_> = applies["context"]["attributes"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("`{name}` ({}): {}", kind(value), doc(value)))
            .collect();
        let (principal, resource) = (list("principalTypes"), list("resourceTypes"));
        writeln!(out, "| `{name}` | {principal} | {resource} | {} | {} |", context.join(" "), doc(action)).unwrap();
    }
    out + "\n"
}

#[test]
fn the_rules_and_the_schema_in_the_documentation_are_those_that_ship() {
    let (path, text) = document();
    let (before, rest) = text.split_once(START).expect("it starts");
    let (there, after) = rest.split_once(END).expect("it ends");
    let now = generated();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, format!("{before}{START}{now}{END}{after}")).unwrap();
    } else {
        assert_eq!(there, now, "docs/policies.md is not current: UPDATE_EXPECTED=1");
    }
}

#[test]
fn every_example_in_the_documentation_works() {
    let (_, text) = document();
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("db", b"1", &["web"]);
    let policies = sandbox.repo().join("policies");
    std::fs::create_dir_all(policies.join("tests")).unwrap();
    for script in blocks(&text, "sh") {
        let bin = Path::new(crate::common::pkeys_binary()).parent().unwrap().display().to_string();
        let script = format!("set -e; PATH={bin}:$PATH\n{script}");
        let said = run_command(sandbox.command_of("sh").args(["-c", &script]), b"").good();
        assert!(said.contains("allowed: pkeys.toml gives db to web"), "{said}");
    }
    let cedar = blocks(&text, "cedar");
    assert!(cedar.len() >= 3);
    for (number, block) in cedar.iter().enumerate() {
        std::fs::write(policies.join(format!("{number}.cedar")), block).unwrap();
    }
    for (number, block) in blocks(&text, "toml").iter().enumerate() {
        std::fs::write(policies.join(format!("tests/{number}.toml")), block).unwrap();
    }
    sandbox.pkeys(&["policy", "check"]).good();
    assert_eq!(sandbox.pkeys(&["policy", "test"]).good(), "3 cases, 0 failed\n");
    // The denial that is shown is what comes.
    let err = sandbox.pkeys(&["render"]).bad("no-db-on-web", "take web out of its hosts");
    let shown = blocks(&text, "text").into_iter().find(|block| block.starts_with("error:")).unwrap();
    let came = err.replace("policies/0.cedar:1)", "policies/mine.cedar:2)");
    assert!(shown.lines().all(|line| came.contains(line)), "{shown}\n{came}");
}
