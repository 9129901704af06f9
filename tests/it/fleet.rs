//! The fleet of a bundle: one of another fleet is installed nowhere, and hosts go over from format 1 to format 2 and back
//! without losing their secrets. Bundles are made with age, tar and ssh-keygen.

use crate::common::host::{Bundle, Machine};
use crate::common::{Ran, activate_binary, run_command};
use serde_json::{Value, json};

const PRODUCTION: &str = "00000000000000000000000000000001";
const STAGING: &str = "00000000000000000000000000000002";
const SYSTEM: &str = "closure";
const PUSHED: &str = "var/lib/pkeys/bundle";

/// A machine whose spec has these fields.
fn machine(more: Value) -> Machine {
    let machine = Machine::new();
    spec(&machine, more);
    machine
}

fn spec(machine: &Machine, more: Value) {
    let mut spec = json!({ "bundles": ["/closure", "/var/lib/pkeys/bundle"] });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    machine.spec(spec);
}

fn production() -> Machine {
    machine(json!({ "fleet": PRODUCTION }))
}

fn bundle<'a>(generation: u64, value: &[u8], user: &str) -> Bundle<'a> {
    Bundle { keys: json!({ user: ["ssh-ed25519 AAAA x"] }), ..Bundle::of(generation, &[("a", value)]) }
}

#[track_caller]
fn send(machine: &Machine, bundle: &Bundle) -> (Ran, Value) {
    machine.bundle("sent", bundle);
    let mut command = std::process::Command::new("tar");
    let tar = command.arg("-C").arg(machine.root().join("sent")).args(["-c", "."]).output().unwrap().stdout;
    let mut command = machine.sandbox.command_of(activate_binary());
    command.arg("receive").arg("--spec").arg(machine.root().join("spec.json")).arg("--root").arg(machine.root());
    let ran = run_command(&mut command, &tar);
    let answer = serde_json::from_str(&ran.out).unwrap();
    (ran, answer)
}

#[track_caller]
fn refused(machine: &Machine, bundle: &Bundle, why: &str, hint: &str) {
    let (ran, answer) = send(machine, bundle);
    assert_eq!((ran.status, &answer["accepted"]), (1, &json!(false)), "{answer}");
    assert!(answer["error"].as_str().unwrap().contains(why), "{answer}");
    assert!(answer["hint"].as_str().unwrap().contains(hint), "{answer}");
}

#[track_caller]
fn taken(machine: &Machine, bundle: &Bundle) -> Value {
    let (_, answer) = send(machine, bundle);
    assert_eq!(answer["accepted"], true, "{answer}");
    answer
}

#[track_caller]
fn installs(machine: &Machine, value: &[u8]) -> Ran {
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(machine.read("run/pkeys/secrets/a"), value);
    ran
}

fn users(machine: &Machine) -> Vec<String> {
    let all = std::fs::read_dir(machine.root().join("run/pkeys/authorized_keys")).unwrap();
    all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn report(machine: &Machine) -> Value {
    let (root, spec) = (machine.root(), machine.root().join("spec.json"));
    let ran = machine.activate(&["report", "--spec", spec.to_str().unwrap(), "--root", root.to_str().unwrap()]);
    serde_json::from_str(&ran.good()).unwrap()
}

#[test]
fn a_bundle_of_another_fleet_is_refused_wherever_it_comes_from() {
    // The same signer, the same host name, the same host key: another repository.
    let staging = || bundle(9, b"staging", "intern").in_fleet(STAGING);
    let machine = production();
    let why = format!("it is a bundle of another fleet: {STAGING}, not {PRODUCTION}");
    // As the system's own.
    machine.bundle(SYSTEM, &staging());
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.err.contains(&why) && !machine.root().join("run/pkeys").exists(), "{ran:?}");
    // Stored as a pushed one, by whatever means: neither its secrets nor its authorized keys.
    machine.bundle(SYSTEM, &bundle(5, b"production", "ann").in_fleet(PRODUCTION));
    machine.bundle(PUSHED, &staging());
    assert!(installs(&machine, b"production").err.contains(&why));
    assert_eq!(users(&machine), ["ann"]);
    let told = report(&machine);
    assert_eq!((&told["candidate"]["generation"], &told["fleet"]), (&json!(5), &json!(PRODUCTION)));
    assert!(told["rejected"].to_string().contains(&why), "{told}");
    std::fs::remove_dir_all(machine.root().join(PUSHED)).unwrap();
    // Pushed.
    refused(&machine, &staging(), &why, "the `fleet` of pkeys.toml and of the host must be one");
    assert!(!machine.root().join(PUSHED).exists());
    // Authorized keys alone, from a bundle whose secrets this host cannot decrypt.
    machine.bundle(PUSHED, &Bundle { recipient: "stranger", ..staging() });
    installs(&machine, b"production");
    assert_eq!(users(&machine), ["ann"]);
    // By hand.
    let signer = std::fs::read_to_string(machine.sandbox.path("signer.key.pub")).unwrap();
    let at = machine.root().join(PUSHED);
    let verify = ["verify", "--bundle", at.to_str().unwrap(), "--host", "web", "--signer", &signer];
    machine.activate(&verify).good();
    machine.activate(&[&verify[..], &["--fleet", PRODUCTION]].concat()).bad("another fleet", "pkeys.toml");
}

#[test]
fn format_1_ranks_below_format_2_and_ends_with_the_first_of_it() {
    let machine = production();
    // None of format 2 was ever installed: taken, with a warning.
    machine.bundle(SYSTEM, &bundle(1, b"one", "ann"));
    assert!(installs(&machine, b"one").err.contains("names no fleet; render it again"));
    let answer = taken(&machine, &bundle(9, b"nine", "ann"));
    assert!(answer["activation"]["notes"].to_string().contains("names no fleet"), "{answer}");
    // A lower generation of format 2 wins, for secrets and for keys.
    machine.bundle(SYSTEM, &bundle(5, b"five", "bob").in_fleet(PRODUCTION));
    let ran = installs(&machine, b"five");
    assert!(!ran.err.contains("names no fleet;"), "{ran:?}");
    assert_eq!(users(&machine), ["bob"]);
    // From now on it is refused, pushed or stored, whatever its generation.
    let over = "it is of format pkeys-bundle/1, and this host has had a bundle that names its fleet";
    refused(&machine, &bundle(99, b"old", "eve"), over, "render it again");
    machine.bundle(PUSHED, &bundle(99, b"old", "eve"));
    machine.bundle(SYSTEM, &bundle(98, b"old", "eve"));
    let ran = machine.install(&[]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert_eq!(ran.err.matches(over).count(), 2, "{ran:?}");
    assert_eq!((machine.read("run/pkeys/secrets/a"), users(&machine)), (b"five".to_vec(), vec!["bob".to_owned()]));
}

#[test]
fn a_host_that_was_not_switched_takes_format_1_in_an_emergency_and_says_what_it_lacks() {
    let machine = machine(json!({}));
    machine.bundle(SYSTEM, &bundle(1, b"one", "ann"));
    let ran = installs(&machine, b"one");
    assert!(!ran.err.contains("names no fleet"), "{ran:?}");
    let told = report(&machine);
    assert_eq!((&told["fleet"], &told["formats"]), (&Value::Null, &json!(["pkeys-bundle/1", "pkeys-bundle/2"])));
    // What is only pushed does not say which fleet the host is of.
    let why = format!("it is of the fleet {PRODUCTION}, and this host names none");
    refused(&machine, &bundle(2, b"two", "ann").in_fleet(PRODUCTION), &why, "set `pkeys.fleet`");
    machine.bundle(PUSHED, &bundle(2, b"two", "ann").in_fleet(PRODUCTION));
    assert!(installs(&machine, b"one").err.contains(&why));
    taken(&machine, &bundle(3, b"three", "bob"));
    assert_eq!((machine.read("run/pkeys/secrets/a"), users(&machine)), (b"three".to_vec(), vec!["bob".to_owned()]));
    // Switched: the spec names the fleet, or the system's own bundle does.
    spec(&machine, json!({ "fleet": PRODUCTION }));
    taken(&machine, &bundle(4, b"four", "ann").in_fleet(PRODUCTION));
    installs(&machine, b"four");
}

#[test]
fn a_spec_written_by_hand_has_the_fleet_of_the_systems_own_bundle() {
    let machine = machine(json!({}));
    machine.bundle(SYSTEM, &bundle(2, b"two", "ann").in_fleet(PRODUCTION));
    installs(&machine, b"two");
    assert_eq!(report(&machine)["fleet"], PRODUCTION);
    refused(&machine, &bundle(9, b"staging", "intern").in_fleet(STAGING), "another fleet", "pkeys.toml");
    taken(&machine, &bundle(3, b"three", "ann").in_fleet(PRODUCTION));
    // Without a bundle of its own it is what it was.
    std::fs::remove_dir_all(machine.root().join(SYSTEM)).unwrap();
    refused(&machine, &bundle(9, b"staging", "intern").in_fleet(STAGING), "another fleet", "pkeys.toml");
    taken(&machine, &bundle(4, b"four", "ann").in_fleet(PRODUCTION));
    installs(&machine, b"four");
}

#[test]
fn a_nixos_rollback_and_the_way_forward_again_never_leave_a_host_without_secrets() {
    // The program was switched first, with a bundle of format 1; then the bundle.
    let machine = machine(json!({}));
    let first = || bundle(1, b"one", "ann");
    machine.bundle(SYSTEM, &first());
    installs(&machine, b"one");
    std::fs::rename(machine.root().join(SYSTEM), machine.sandbox.path("closure-1")).unwrap();
    spec(&machine, json!({ "fleet": PRODUCTION }));
    machine.bundle(SYSTEM, &bundle(2, b"two", "ann").in_fleet(PRODUCTION));
    installs(&machine, b"two");
    taken(&machine, &bundle(3, b"three", "ann").in_fleet(PRODUCTION));
    // Back: the system's own bundle is of format 1 and its spec names no fleet; what was pushed is still better.
    std::fs::rename(machine.root().join(SYSTEM), machine.sandbox.path("closure-2")).unwrap();
    std::fs::rename(machine.sandbox.path("closure-1"), machine.root().join(SYSTEM)).unwrap();
    spec(&machine, json!({}));
    installs(&machine, b"three");
    // Without that, the one that was installed here before comes back, and no other of format 1.
    std::fs::remove_dir_all(machine.root().join(PUSHED)).unwrap();
    installs(&machine, b"one");
    refused(&machine, &bundle(50, b"old", "eve"), "it is of format pkeys-bundle/1", "render it again");
    std::fs::rename(machine.root().join(SYSTEM), machine.sandbox.path("closure-1")).unwrap();
    machine.bundle(SYSTEM, &bundle(50, b"old", "eve"));
    assert_eq!(machine.install(&[]).status, 1);
    // Forward again, with what an emergency pushed to the older program in between: it knew only format 1.
    std::fs::remove_dir_all(machine.root().join(SYSTEM)).unwrap();
    std::fs::rename(machine.sandbox.path("closure-2"), machine.root().join(SYSTEM)).unwrap();
    machine.bundle(PUSHED, &bundle(60, b"emergency", "bob"));
    spec(&machine, json!({ "fleet": PRODUCTION }));
    installs(&machine, b"two");
}

#[test]
fn a_host_that_moves_to_another_fleet_says_so() {
    let machine = production();
    machine.bundle(SYSTEM, &bundle(9, b"one", "ann").in_fleet(PRODUCTION));
    installs(&machine, b"one");
    spec(&machine, json!({ "fleet": STAGING }));
    machine.bundle(SYSTEM, &bundle(2, b"two", "ann").in_fleet(STAGING));
    let said = format!("this host's fleet is {STAGING}; it was {PRODUCTION}");
    assert!(installs(&machine, b"two").err.contains(&said));
    assert!(!installs(&machine, b"two").err.contains(&said));
}
