//! The table: the key that opens everything.

use super::case::Case;
use super::world::World;
use crate::common::page::rows;

/// A host, a secret, a user's key that pkeys holds and a host key that it made, all rendered.
fn before() -> World {
    let world = World::with_hosts(&["web"]);
    world.sandbox.pkeys(&["host", "add", "db", "--generate"]).good();
    world.sandbox.secret("token", b"needle", &["web"]);
    let manifest = world.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    world.sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\n");
    world.sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    world.sandbox.pkeys(&["render"]).good();
    world
}

/// The same with a break-glass key, whose private half is in memory.
fn made() -> World {
    let world = before();
    let sheets = world.memory.path().join("sheets");
    world.sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", sheets.to_str().unwrap()]).good();
    let page = std::fs::read_to_string(sheets.join("sheet.html")).unwrap();
    let key: String = rows(&page).into_iter().map(|(_, groups, _)| groups.replace(' ', "")).collect();
    std::fs::write(world.memory.path().join("key"), format!("AGE-SECRET-KEY-1{key}\n")).unwrap();
    world.sandbox.ssh_key("new", "ed25519");
    world
}

/// A secret that the escrow does not have yet.
fn escrow_is_old() -> World {
    let world = made();
    world.sandbox.secret("later", b"needle-2", &[]);
    world
}

/// The operators go on working at every moment. In between `verify` says what is to be done again: a new key, and a new
/// recipient of a host, are in `pkeys.toml` before they are in the bundles.
fn operators_work(world: &World) {
    assert_eq!(world.sandbox.pkeys(&["secret", "show", "token"]).good(), "needle");
}

/// In the end all bundles are as `pkeys.toml` says.
fn verified(world: &World) {
    operators_work(world);
    world.sandbox.pkeys(&["verify"]).good();
}

pub const INIT: Case = Case {
    holds: operators_work,
    end: verified,
    // One that came as far as the manifest has made a key, which a second try replaces and which the log remembers.
    again: Some("break-glass rotate --yes --quiet"),
    between: &["audit.jsonl"],
    ..Case::new("break-glass init --yes --quiet", before)
};
pub const ROTATE: Case =
    Case { holds: operators_work, end: verified, ..Case::new("break-glass rotate --yes --quiet", made) };
pub const ESCROW: Case =
    Case { holds: operators_work, end: verified, ..Case::new("break-glass escrow", escrow_is_old) };
pub const DRILL: Case = Case::new("break-glass drill --identity {memory}/key", made);
pub const RESEAL: Case = Case {
    holds: operators_work,
    end: verified,
    ..Case::new("break-glass reseal web --yes --recipient {key} --identity {memory}/key", made)
};
pub const OPEN: Case = Case {
    done: "is there already",
    // On the worst day it opens what can be opened, says what cannot, and does not insist on the log.
    tells: true,
    between: &["audit.jsonl"],
    ..Case::new("break-glass open --identity {memory}/key --to {memory}/out", made)
};
pub const EXTRA_FILES: Case = Case::new("host extra-files db {memory}/extra", before);
