//! The table: the host's program. Its state is looked at by what a service would see.

use super::case::Case;
use super::world::World;
use crate::common::host::{Bundle, Machine};
use serde_json::{Value, json};

fn bundle(machine: &Machine, place: &str, generation: u64, value: &[u8], recipient: &str) {
    let keys = json!({ "ann": [format!("ssh-ed25519 AAAA {generation}")] });
    machine.bundle(place, &Bundle { keys, recipient, ..Bundle::of(generation, &[("a", value), ("b", value)]) });
}

fn spec() -> Value {
    json!({ "secrets": { "a": { "path": "/etc/a", "restartUnits": ["app.service"] }, "b": { "symlinks": ["/etc/new/b"] } },
        "templates": { "t": { "content": "@pkeys:a@" } }, "bundles": ["/b", "/var/lib/pkeys/bundle"] })
}

/// A machine that was not activated yet.
fn first() -> World {
    let machine = Machine::new();
    machine.spec(spec());
    bundle(&machine, "b", 1, b"needle-new", "host");
    World::of(machine.sandbox)
}

/// One with an old generation, and a link that is no longer wanted.
fn old() -> Machine {
    let machine = Machine::new();
    machine.spec(
        json!({ "secrets": { "b": { "symlinks": ["/etc/old"] } }, "templates": { "t": { "content": "@pkeys:a@" } } }),
    );
    bundle(&machine, "b", 1, b"needle-old", "host");
    machine.install(&[]).good();
    machine.spec(spec());
    machine
}

fn over_old() -> World {
    let machine = old();
    bundle(&machine, "b", 2, b"needle-new", "host");
    World::of(machine.sandbox)
}

/// One whose new bundle cannot be opened by it.
fn keys_alone() -> World {
    let machine = Machine::new();
    machine.spec(spec());
    bundle(&machine, "b", 1, b"needle-old", "host");
    machine.install(&[]).good();
    bundle(&machine, "b", 2, b"needle-new", "stranger");
    World::of(machine.sandbox)
}

/// One with somebody's directory where the secrets belong.
fn in_the_way() -> World {
    let world = first();
    std::fs::create_dir_all(world.sandbox.path("root/run/pkeys")).unwrap();
    std::fs::write(world.sandbox.path("root/run/pkeys/theirs"), "kept").unwrap();
    world
}

/// One that is sent a newer bundle.
fn sent() -> World {
    let machine = old();
    bundle(&machine, "sent", 2, b"needle-new", "host");
    let mut tar = std::process::Command::new("tar");
    let tar = tar.arg("-C").arg(machine.root().join("sent")).args(["-c", "."]).output().unwrap();
    std::fs::write(machine.sandbox.path("sent.tar"), tar.stdout).unwrap();
    World::of(machine.sandbox)
}

/// One with the signer's public key where the table looks for a key.
fn activated() -> World {
    let world = over_old();
    std::fs::copy(world.sandbox.path("signer.key.pub"), world.sandbox.path("new.key.pub")).unwrap();
    world
}

fn read(world: &World, name: &str) -> Option<String> {
    let bytes = std::fs::read(world.sandbox.path("root").join(name)).ok()?;
    Some(String::from_utf8(bytes).expect("it is text"))
}

/// The value of the generation that is there, which must be whole.
fn whole(world: &World) -> String {
    let read = |name: &str| read(world, &format!("run/pkeys/{name}")).unwrap_or_else(|| panic!("there is no {name}"));
    let value = read("secrets/a");
    assert_eq!((read("secrets/b"), read("templates/t")), (value.clone(), value.clone()));
    assert!(read("authorized_keys/ann").starts_with("ssh-ed25519 AAAA "));
    value
}

fn old_or_new(world: &World) {
    assert!(["needle-old", "needle-new"].contains(&&*whole(world)));
}

fn whole_if_there(world: &World) {
    // Authorized keys alone are a whole generation too, where the secrets could not be opened.
    if read(world, "run/pkeys/secrets/a").is_some() || read(world, "run/pkeys/templates/t").is_some() {
        whole(world);
    }
}

fn one_generation(world: &World) {
    assert_eq!(std::fs::read_dir(world.sandbox.path("root/run/pkeys.d")).unwrap().count(), 1);
    assert!(!world.sandbox.path("root/run/pkeys.replaced-2").exists());
}

/// The new generation, with its links, its units and none of what was before.
fn installed(world: &World) {
    assert_eq!(whole(world), "needle-new");
    one_generation(world);
    let link = |name: &str| world.sandbox.path("root").join(name).is_symlink();
    assert!(link("etc/a") && link("etc/new/b") && !link("etc/old"));
}

fn installed_and_queued(world: &World) {
    installed(world);
    assert_eq!(read(world, "run/nixos/activation-restart-list").as_deref(), Some("app.service\n"));
}

fn keys_changed(world: &World) {
    assert_eq!(whole(world), "needle-old");
    one_generation(world);
    assert_eq!(read(world, "run/pkeys/authorized_keys/ann").as_deref(), Some("ssh-ed25519 AAAA 2\n"));
}

fn theirs_is_kept(world: &World) {
    installed(world);
    assert_eq!(read(world, "run/pkeys.replaced-1/theirs").as_deref(), Some("kept"));
}

/// What was received is in the state directory, and no more: bundle, ledger, and what was installed.
fn received(world: &World) {
    installed(world);
    let stored = crate::common::files_below(&world.sandbox.path("root/var"));
    assert_eq!(stored.len(), 5, "{stored:?}");
}

const fn host(command: &'static str, prepare: fn() -> World) -> Case {
    Case { host: true, ..Case::new(command, prepare) }
}

const INSTALL: &str = "install --spec {top}/root/spec.json --root {top}/root --queue-units /run/nixos";

pub const FIRST: Case = Case { holds: whole_if_there, end: installed, ..host(INSTALL, first) };
pub const OVER_OLD: Case = Case { holds: old_or_new, end: installed_and_queued, ..host(INSTALL, over_old) };
pub const KEYS_ALONE: Case = Case {
    holds: |world| assert_eq!(whole(world), "needle-old"),
    end: keys_changed,
    status: 3,
    ..host(INSTALL, keys_alone)
};
pub const IN_THE_WAY: Case = Case { end: theirs_is_kept, ..host(INSTALL, in_the_way) };
pub const RECEIVE: Case = Case {
    // A bundle that is there and cannot be read is named among those that were rejected.
    tells: true,
    holds: old_or_new,
    end: received,
    input: |world| std::fs::read(world.sandbox.path("sent.tar")).unwrap(),
    ..host("receive --spec {top}/root/spec.json --root {top}/root", sent)
};
pub const MAKE_IDENTITY: Case =
    Case { done: "is there already", ..host("make-identity {top}/root/etc/identity", first) };
pub const REPORT: Case =
    Case { tells: true, ..host("report --spec {top}/root/spec.json --root {top}/root", activated) };
pub const VERIFY: Case = host("verify --bundle {top}/root/b --host web --signer {key}", activated);
pub const LIST: Case = host("list --bundle {top}/root/b", activated);
pub const CHECK_SPEC: Case = host("check-spec {top}/root/spec.json", activated);
