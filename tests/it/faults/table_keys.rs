//! The table: users' keys, and what is taken over from Nix files and other tools.

use super::case::Case;
use super::world::World;
use crate::common::run;

/// A user on all hosts, and a public key of theirs.
fn user() -> World {
    let world = World::with_hosts(&["web"]);
    let manifest = world.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    world.sandbox.manifest(text + "\n[users.joe]\nhosts = [\"*\"]\n");
    world.sandbox.ssh_key("new", "ed25519");
    world
}

fn user_with_keys() -> World {
    let world = user();
    let public = std::fs::read_to_string(world.sandbox.path("new.key.pub")).unwrap();
    world.sandbox.pkeys(&["key", "add", "joe", "phone", "--public", public.trim()]).good();
    world.sandbox.pkeys(&["key", "add", "joe", "laptop", "--generate"]).good();
    world
}

/// The kept keys are whole, and the log is one chain, but for a line that is cut off.
fn keys_are_read(world: &World) {
    world.sandbox.pkeys(&["key", "list"]).good();
    world.sandbox.pkeys(&["log"]).good();
}

/// Nix files with a key of the user `ann`.
fn to_adopt() -> World {
    let world = World::with_hosts(&["web"]);
    let key = world.sandbox.ssh_key("ann", "ed25519").1;
    let nix = format!("{{ users.users.ann.openssh.authorizedKeys.keys = [ \"{key}\" ]; }}\n");
    std::fs::create_dir_all(world.sandbox.repo().join("hosts")).unwrap();
    std::fs::write(world.sandbox.repo().join("hosts/web.nix"), nix).unwrap();
    world
}

/// The key stands in one place at least.
fn key_is_somewhere(world: &World) {
    let text = String::from_utf8(world.sandbox.read("hosts/web.nix")).unwrap();
    let listed = world.sandbox.pkeys(&["key", "list", "--json"]).good();
    assert!(text.contains("ssh-ed25519 ") || listed.contains("SHA256:"), "{text} {listed}");
}

/// Nix files with a secret of agenix.
fn to_import() -> World {
    let world = World::with_hosts(&["web"]);
    let repo = world.sandbox.repo();
    let public = world.sandbox.ssh_key("old", "ed25519").1;
    std::fs::create_dir_all(repo.join("hosts")).unwrap();
    let file = repo.join("hosts/a.age");
    run("age", &["-r", &public, "-o", file.to_str().unwrap()], b"needle").good();
    std::fs::write(repo.join("hosts/web.nix"), "{\n  age.secrets.a.file = ./a.age;\n}\n").unwrap();
    world
}

/// Once Nix asks pkeys for the secret, pkeys has it.
fn secret_is_where_nix_asks(world: &World) {
    let text = String::from_utf8(world.sandbox.read("hosts/web.nix")).unwrap();
    let has = world.sandbox.pkeys(&["secret", "show", "a"]).out == "needle";
    assert!(text.contains("age.secrets") || has, "{text}");
}

pub const KEY_ADD: Case = Case { holds: keys_are_read, ..Case::new("key add joe laptop --public {key}", user) };
pub const KEY_ADD_GENERATE: Case = Case { holds: keys_are_read, ..Case::new("key add joe laptop --generate", user) };
pub const KEY_REMOVE: Case = Case {
    holds: keys_are_read,
    done: "there is no key joe phone",
    ..Case::new("key remove joe phone", user_with_keys)
};
pub const KEY_REMOVE_GENERATED: Case = Case {
    holds: keys_are_read,
    done: "there is no key joe laptop",
    ..Case::new("key remove joe laptop", user_with_keys)
};
pub const ADOPT: Case = Case { holds: key_is_somewhere, ..Case::new("adopt --yes", to_adopt) };
pub const IMPORT: Case = Case {
    holds: secret_is_where_nix_asks,
    ..Case::new("import agenix --rewrite --yes --identity {top}/old.key", to_import)
};
pub const KEY_LIST: Case = Case::new("key list --json", user_with_keys);
