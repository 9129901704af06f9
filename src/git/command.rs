//! The one place that runs `git`, for commits that the operator asked for with `--commit`.

use std::path::Path;
use std::process::{Command, Stdio};

/// What would point git at another repository or index, as a hook that runs pkeys has it in its environment. The first part
/// of `git rev-parse --local-env-vars`, without what the operator configures by `GIT_CONFIG_COUNT`.
const ELSEWHERE: [&str; 12] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// `git` in a directory, with no input. What only makes it faster or prettier is off: a file system monitor, a pager, an
/// external diff. The operator's hooks, filters and signing program run as in `git commit`.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("--no-pager").args(["-c", "core.fsmonitor=false", "-c", "diff.external="]);
    command.arg("-C").arg(directory).stdin(Stdio::null());
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command
}
