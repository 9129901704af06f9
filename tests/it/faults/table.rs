//! The table: hosts, secrets and bundles.

use super::case::Case;
use super::world::World;
use crate::common::Sandbox;
use serde_json::Value;

/// Two hosts, a secret for both, rendered, and the secret changed since.
fn changed() -> World {
    let world = World::with_hosts(&["web", "db"]);
    world.sandbox.secret("a", b"needle-1", &["*"]);
    world.sandbox.pkeys(&["render"]).good();
    world.sandbox.pkeys(&["render", "--force"]).good();
    world.sandbox.secret("a", b"needle-2", &[]);
    world
}

fn new_key() -> World {
    let world = World::with_hosts(&[]);
    world.sandbox.ssh_key("new", "ed25519");
    world
}

/// A secret with a value, for one host.
fn secret() -> World {
    let world = World::with_hosts(&["web"]);
    world.sandbox.secret("a", b"needle-1", &["web"]);
    world
}

/// The bundles verify, by what pkeys says, and are no older than those that hosts may have.
fn verified(world: &World) {
    world.sandbox.pkeys(&["verify"]).good();
    for host in ["web", "db"] {
        let manifest: Value =
            serde_json::from_slice(&world.sandbox.read(&format!("bundles/{host}/manifest.json"))).unwrap();
        let generation = manifest["generation"].as_u64().unwrap();
        assert!(generation >= 2, "{host} has generation {generation}");
    }
}

/// What `init` made works: what is sealed by it can be opened again.
fn opens_what_it_seals(world: &World) {
    if world.sandbox.repo().join("secrets/probe.age").exists() {
        return;
    }
    let held = |name: &str| std::fs::read(world.sandbox.path(name)).ok();
    let log = held("repo/audit.jsonl");
    world.sandbox.secret("probe", b"1", &[]);
    assert_eq!(world.sandbox.pkeys(&["secret", "show", "probe"]).good(), "1");
    world.sandbox.pkeys(&["secret", "rm", "probe"]).good();
    let path = world.sandbox.path("repo/audit.jsonl");
    match log {
        Some(log) => std::fs::write(path, log).unwrap(),
        None => std::fs::remove_file(path).unwrap(),
    }
}

/// A repository of somebody else's.
fn of_another() -> World {
    let world = World::of(Sandbox::new());
    std::fs::remove_dir_all(world.sandbox.path("config")).unwrap();
    world
}

pub const INIT: Case = Case {
    end: opens_what_it_seals,
    ..Case::new("init --no-passphrase --name ann --quiet", || World::of(Sandbox::empty()))
};
pub const INIT_AS_SECOND: Case =
    Case { end: opens_what_it_seals, ..Case::new("init --no-passphrase --name bob --quiet", of_another) };
pub const HOST_ADD: Case = Case::new("host add web --recipient {key}", new_key);
pub const HOST_ADD_GENERATE: Case = Case::new("host add web --generate", || World::with_hosts(&[]));
pub const HOST_REMOVE: Case = Case {
    done: "has no host web",
    ..Case::new("host remove web", || {
        let world = changed();
        world.sandbox.pkeys(&["host", "add", "new", "--generate"]).good();
        world
    })
};
pub const SECRET_SET: Case =
    Case { input: |_| b"needle".to_vec(), ..Case::new("secret set a --host web", || World::with_hosts(&["web"])) };
pub const SECRET_SET_AGAIN: Case = Case {
    input: |_| b"needle-2".to_vec(),
    holds: |world| {
        let shown = world.sandbox.pkeys(&["secret", "show", "a"]).good();
        assert!(["needle-1", "needle-2"].contains(&&*shown), "{shown}");
    },
    ..Case::new("secret set a", secret)
};
pub const SECRET_EDIT: Case = Case::new("secret edit a", || {
    let world = secret();
    world.sandbox.script("editor", "printf needle-2 > \"$1\"");
    world
});
pub const SECRET_GENERATE: Case = Case::new("secret generate b --host web --force", secret);
pub const SECRET_RM: Case = Case { done: "there is no local secret a", ..Case::new("secret rm a", secret) };
pub const SECRET_REKEY: Case = Case::new("secret rekey", || {
    let world = secret();
    world.sandbox.secret("b", b"needle-b", &["web"]);
    let manifest = world.sandbox.repo().join("pkeys.toml");
    let (_, public) = world.sandbox.ssh_key("bob", "ed25519");
    let text = std::fs::read_to_string(&manifest).unwrap();
    world.sandbox.manifest(text.replace("[operators]", &format!("[operators]\nbob = [\"{public}\"]")));
    world
});
pub const RENDER: Case = Case { holds: verified, ..Case::new("render --quiet", changed) };
pub const MATRIX_PAGE: Case = Case::new("policy matrix --html {top}/repo/matrix.html", secret);
