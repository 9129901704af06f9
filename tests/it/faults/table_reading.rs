//! The table: commands that change nothing, and so say all or fail.

use super::case::Case;
use super::world::World;

/// A bit of everything.
fn all() -> World {
    let world = World::with_hosts(&["web", "db"]);
    world.sandbox.secret("a", b"needle-1", &["*"]);
    world.sandbox.secret("b", b"needle-2", &["web"]);
    world.sandbox.pkeys(&["render"]).good();
    std::fs::create_dir_all(world.sandbox.repo().join("policies/tests")).unwrap();
    std::fs::write(world.sandbox.repo().join("policies/own.cedar"), "").unwrap();
    world
}

/// The same in git.
fn in_git() -> World {
    let world = all();
    for line in ["init -q", "add .", "-c user.name=a -c user.email=a@b commit -q -m one"] {
        let mut command = world.sandbox.command_of("git");
        crate::common::run_command(command.args(line.split(' ')), b"").good();
    }
    world
}

pub const HOST_LIST: Case = Case::new("host list --json", all);
pub const HOST_COMPROMISED: Case = Case { tells: true, ..Case::new("host compromised web --json", all) };
pub const SECRET_LIST: Case = Case::new("secret list --json", all);
pub const SECRET_SHOW: Case = Case { shows: true, ..Case::new("secret show a", all) };
pub const VERIFY: Case = Case::new("verify --json", all);
pub const STATUS: Case = Case::new("status --json", all);
pub const CHECK: Case = Case::new("check --json", all);
pub const POLICY_CHECK: Case = Case::new("policy check --json", all);
pub const POLICY_EXPLAIN: Case = Case::new("policy explain web a --json", all);
pub const LOG: Case = Case::new("log --json", all);
pub const LOG_VERIFY: Case = Case::new("log --verify --json", all);
pub const SCAN: Case = Case::new("scan --history --json", in_git);
