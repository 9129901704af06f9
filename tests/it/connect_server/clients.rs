//! The official clients do everything they can through the stand-in.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::common::connect::{EXAMPLE, StandIn, tool};

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/connect").join(name)
}

/// Runs a client's script and panics with what it printed when it fails.
fn run(mut command: Command, end: &str) {
    let output = command.stdin(Stdio::null()).output().expect("start the client");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains(end), "{command:?}: {}\n{out}{err}", output.status);
}

pub(crate) fn python(url: &str, more: &[&str]) {
    let mut command = Command::new(tool("venv/bin/python"));
    command.arg("-B").arg(script("python_client.py")).arg(url).args(more);
    run(command, "python: all done");
}

pub(crate) fn javascript(url: &str, more: &[&str]) {
    let mut command = Command::new("node");
    command.arg(script("js_client.mjs")).arg(tool("npm/node_modules")).arg(url).args(more);
    run(command, "javascript: all done");
}

#[test]
fn the_official_python_client() {
    python(&StandIn::start(EXAMPLE, &[]).url(), &[]);
}

#[test]
fn the_official_javascript_client() {
    javascript(&StandIn::start(EXAMPLE, &[]).url(), &[]);
}
