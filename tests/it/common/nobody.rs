//! Another user of the same machine, who may not do anything.

use crate::common::Sandbox;
use crate::common::page;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that ends with its value, by its own id.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One that other users can start too.
pub fn python() -> &'static str {
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

pub fn as_nobody(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", program]);
    command
}

pub fn started(command: &mut Command) -> Running {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("tests/run installs it");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    Running(child)
}

/// A repository with a break-glass key; gives what is typed of its sheet.
pub fn repository(memory: &Path) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("token", b"hunter2", &["web"]);
    let sheets = memory.join("sheets");
    sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", sheets.to_str().unwrap()]).good();
    let page = std::fs::read_to_string(sheets.join("sheet.html")).unwrap();
    (sandbox, page::rows(&page).iter().map(|(label, groups, sum)| format!("{label} {groups} {sum}\n")).collect())
}

/// The sandbox's directories become readable for everybody, as in a home with mode 0755.
pub fn readable(sandbox: &Sandbox) {
    for directory in [sandbox.top.path(), &sandbox.repo()] {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}
