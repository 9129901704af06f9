//! The program of this crate. What it does is tested with the operator's program, in `tests/it` of the workspace.

use std::process::Command;

#[test]
fn it_says_what_it_can_do() {
    let ran = Command::new(env!("CARGO_BIN_EXE_pkeys-activate")).arg("--help").output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    for command in ["install", "receive", "report", "make-identity"] {
        assert!(ran.status.success() && said.contains(command), "{command}: {said}");
    }
}
