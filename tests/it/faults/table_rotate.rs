//! The table: rotations. For no host: what is done on hosts is for `tests/it/rotate.rs` and those beside it, which have servers.

use super::case::Case;
use super::world::World;
use crate::common::run;
use std::os::unix::fs::PermissionsExt;

/// A user with a key that pkeys holds, and an old one that is put aside.
fn rotated() -> World {
    let world = World::with_hosts(&[]);
    let manifest = world.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    world.sandbox.manifest(text + "\n[users.joe]\nhosts = []\n");
    world.sandbox.pkeys(&["key", "add", "joe", "laptop", "--generate"]).good();
    world.sandbox.pkeys(&["rotate", "joe", "--yes"]).good();
    world
}

/// Of a key that is authorized, the private half is kept: by what ssh-keygen makes of each that there is.
fn nobody_is_locked_out(world: &World) {
    let listed = world.sandbox.pkeys(&["key", "list", "--json"]).good();
    let place = world.memory.path().join("probe");
    let is_half = |name: &str| {
        let shown = world.sandbox.pkeys(&["secret", "show", name]);
        if shown.status != 0 || !shown.out.contains("PRIVATE KEY") {
            return false;
        }
        std::fs::write(&place, shown.out).unwrap();
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o600)).unwrap();
        let public = run("ssh-keygen", &["-y", "-f", place.to_str().unwrap()], b"").good();
        std::fs::remove_file(&place).unwrap();
        listed.contains(public.split_whitespace().nth(1).unwrap())
    };
    let kept = std::fs::read_dir(world.sandbox.repo().join("secrets")).unwrap().flatten();
    let mut names = kept.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".age")?.to_owned()));
    assert!(names.any(|name| is_half(&name)), "{listed}");
}

/// In the end it is one key, and `pkeys log` is whole.
fn is_over(world: &World) {
    nobody_is_locked_out(world);
    let listed = world.sandbox.pkeys(&["key", "list", "--json"]).good();
    assert!(listed.matches("\"state\"").count() == 1 && listed.contains("\"active\""), "{listed}");
    world.sandbox.pkeys(&["log", "--verify"]).good();
}

pub const SECRET: Case = Case::new("rotate --secret a --yes", || {
    let world = World::with_hosts(&[]);
    world.sandbox.pkeys(&["secret", "generate", "a"]).good();
    let manifest = world.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("from = \"age:a\"", "from = \"age:a\"\ngenerate = { length = 40 }"))
        .unwrap();
    world
});
pub const USER: Case = Case {
    holds: nobody_is_locked_out,
    end: is_over,
    // Each of its steps is written down, and the dates are in the order of fingerprints.
    between: &["keys.toml", "secrets/ssh-user-key.joe."],
    ..Case::new("rotate joe --yes --quiet", rotated)
};
