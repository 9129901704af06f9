//! The NixOS module: its own logic, what it generates for three hosts, and what it complains of.
//!
//! With `NIXPKGS_LIB` (the `lib` of nixpkgs) the module system evaluates it; the files in `tests/nix/expected` and the
//! options in `docs/nixos.md` must be what comes out, and `UPDATE_EXPECTED=1` makes them so. Without it, they are
//! still held against the host's program and systemd.

use crate::common::{Ran, activate_binary, files_below, run_command};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const HOSTS: &[&str] = &["minimal", "script", "systemd"];
const START: &str = "<!-- options: made by tests/it/nix.rs -->\n";
const END: &str = "<!-- end of options -->\n";

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn expected(host: &str) -> PathBuf {
    top().join("tests/nix/expected").join(host)
}

/// Runs nix-instantiate, with a store that nothing is written to.
fn nix(arguments: &[&str]) -> Ran {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new("nix-instantiate");
    for (name, place) in [("NIX_STATE_DIR", "state"), ("NIX_LOG_DIR", "log"), ("NIX_CONF_DIR", "etc")] {
        command.env(name, state.path().join(place));
    }
    command.env("HOME", state.path()).arg("--store").arg(state.path().join("store"));
    run_command(command.args(arguments).current_dir(top()), b"")
}

fn evaluated(arguments: &[&str]) -> Value {
    let out = nix(&[&["--eval", "--strict", "--json"], arguments].concat()).good();
    serde_json::from_str(&out).unwrap()
}

/// A part of `tests/nix/evaluate.nix`; `None`, and a line that says so, without nixpkgs' lib.
fn with_modules(part: &str) -> Option<Value> {
    let Some(lib) = std::env::var("NIXPKGS_LIB").ok().filter(|lib| !lib.is_empty()) else {
        eprintln!("skipped: the module system ({part}); NIXPKGS_LIB does not name nixpkgs' lib");
        return None;
    };
    Some(evaluated(&["--argstr", "nixpkgsLib", &lib, "tests/nix/evaluate.nix", "-A", part]))
}

fn update() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
}

#[test]
fn all_nix_files_parse() {
    let folders = ["nix", "nix-module", "tests/nix"].map(|folder| files_below(&top().join(folder)));
    let files = folders.into_iter().flatten().chain([top().join("flake.nix"), top().join("default.nix")]);
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "nix")).collect();
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        nix(&["--parse", file.to_str().unwrap()]).good();
    }
}

#[test]
fn the_modules_own_logic_holds() {
    assert_eq!(evaluated(&["tests/nix/pure.nix"]), Value::Array(Vec::new()));
}

#[test]
fn what_the_module_generates_is_as_expected() {
    let Some(hosts) = with_modules("files") else { return };
    let hosts: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_value(hosts).unwrap();
    assert!(hosts.keys().eq(HOSTS), "{:?}", hosts.keys());
    for (host, mut files) in hosts {
        let spec: Value = serde_json::from_str(&files["spec.json"]).unwrap();
        files.insert("spec.json".into(), format!("{spec:#}\n"));
        let place = expected(&host);
        if update() {
            let _ = std::fs::remove_dir_all(&place);
            for (name, text) in &files {
                let path = place.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
        }
        let there: BTreeMap<String, String> = files_below(&place)
            .into_iter()
            .map(|path| {
                let name = path.strip_prefix(&place).unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect();
        assert!(there.keys().eq(files.keys()), "{host}: {:?} but {:?}", there.keys(), files.keys());
        for (name, text) in files {
            assert_eq!(there[&name], text, "{host}/{name}: look at the change, then UPDATE_EXPECTED=1");
        }
    }
}

#[test]
fn good_configurations_are_silent_and_bad_ones_say_one_thing() {
    let Some(said) = with_modules("complaints") else { return };
    for host in HOSTS {
        assert_eq!(said[host], serde_json::json!({ "failed": [], "warnings": [] }), "{host}");
    }
    for part in ["good", "bad"] {
        let all = with_modules(part).unwrap();
        let all = all.as_object().unwrap();
        assert!(all.len() > 10, "{all:?}");
        for (name, result) in all {
            assert_eq!(result, &Value::Bool(true), "{part}: {name}");
        }
    }
}

#[test]
fn a_missing_bundle_says_what_to_do() {
    let expression = "(import ./nix-module/lib.nix).readManifest \"web\" ./bundles/web";
    let ran = nix(&["--eval", "--strict", "-E", expression]);
    assert_ne!(ran.status, 0);
    assert!(ran.err.contains("Run `pkeys render web`, and `git add` what it wrote"), "{}", ran.err);
}

#[test]
fn the_options_in_the_documentation_are_those_of_the_module() {
    let Some(options) = with_modules("options") else { return };
    let path = top().join("docs/nixos.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(START).expect("the options start");
    let (there, after) = rest.split_once(END).expect("the options end");
    let options = format!("\n{}\n", options.as_str().unwrap());
    if update() {
        std::fs::write(&path, format!("{before}{START}{options}{END}{after}")).unwrap();
    } else {
        assert_eq!(there, options, "docs/nixos.md is not current: UPDATE_EXPECTED=1");
    }
}

/// The host's program does with the generated specs, and a bundle made by hand, what the module promises.
#[test]
fn the_hosts_program_takes_what_the_module_generates() {
    for host in HOSTS {
        let spec = expected(host).join("spec.json");
        run_command(Command::new(activate_binary()).arg("check-spec").arg(&spec), b"").good();
        let wanted: Value = serde_json::from_slice(&std::fs::read(&spec).unwrap()).unwrap();
        let machine = tempfile::tempdir().unwrap();
        let under = |path: &str| machine.path().join(path.trim_start_matches('/'));
        let copy = |from: &str, to: PathBuf| {
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(top().join("tests/nix/fixtures").join(from), to).unwrap();
        };
        for file in ["manifest.json", "manifest.json.sig", "secrets.age"] {
            copy(&format!("bundles/web/{file}"), under(wanted["bundles"][0].as_str().unwrap()).join(file));
        }
        copy("keys/host", under("/etc/ssh/ssh_host_ed25519_key"));
        let mut installed = 0;
        for phase in ["users", "services"] {
            let mut command = Command::new(activate_binary());
            command.args(["install", "--json", "--phase", phase, "--root"]).arg(machine.path());
            let ran = run_command(command.arg("--spec").arg(&spec), b"");
            let outcome: Value = serde_json::from_str(&ran.out).unwrap();
            installed += outcome["secrets"].as_u64().unwrap();
            // Owners that this machine does not have are set apart, and nothing else is.
            let problems = outcome["problems"].as_array().unwrap();
            assert!(problems.iter().all(|p| p.as_str().unwrap().contains("there is no ")), "{host}: {problems:?}");
        }
        assert_eq!(installed, 4, "{host}");
        let early = if *host == "minimal" { "/run/pkeys" } else { "/run/pkeys-for-users" };
        assert!(under(&format!("{early}/secrets/ann-password")).exists(), "{host}");
        assert!(under("/run/pkeys/secrets/tailscale-auth-key").exists(), "{host}");
        assert!(under("/run/pkeys/authorized_keys/ann").exists(), "{host}");
    }
}

/// The units of a host in a directory of their own, with this program and with links as `systemctl enable` makes them.
fn units(host: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for path in files_below(&expected(host).join("units")) {
        let name = path.strip_prefix(expected(host).join("units")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let program = text.split_whitespace().find_map(|word| word.strip_prefix("ExecStart=/nix/store/"));
        let text = match program {
            Some(program) => text.replace(&format!("/nix/store/{program}"), activate_binary()),
            None => text,
        };
        let to = place.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(&to, &text).unwrap();
        let install = text.split_once("[Install]").map_or("", |(_, install)| install);
        for wanted_by in install.lines().filter_map(|line| line.strip_prefix("WantedBy=")) {
            for unit in wanted_by.split(' ') {
                let wants = place.path().join(format!("{unit}.wants"));
                std::fs::create_dir_all(&wants).unwrap();
                std::os::unix::fs::symlink(&to, wants.join(name)).unwrap();
            }
        }
    }
    // NixOS has the one; a file system that is checked before it is mounted pulls in the other, and what makes users
    // must not wait for it.
    for target in ["sysinit-reactivation.target", "local-fs-pre.target"] {
        std::fs::write(place.path().join(target), format!("[Unit]\nDescription={target}\n")).unwrap();
    }
    let wants = place.path().join("sysinit.target.wants/local-fs-pre.target");
    std::os::unix::fs::symlink(place.path().join("local-fs-pre.target"), wants).unwrap();
    place
}

#[test]
fn systemd_takes_the_units_without_a_complaint_or_a_cycle() {
    let place = units("systemd");
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=yes", "sysinit.target", "multi-user.target"]);
    command.args(["pkeys-activate.service", "pkeys-activate-users.service", "app.service", "early.service"]);
    let ran = run_command(command.env("SYSTEMD_UNIT_PATH", format!("{}:", place.path().display())), b"");
    let ours = |line: &&str| ["pkeys", "app.service", "early.service", "cycle"].iter().any(|part| line.contains(part));
    let complaints: Vec<_> = ran.err.lines().filter(ours).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Without nixpkgs' lib nothing generates the units; a change of what they are kept from must not go past those that are
/// tried and booted.
#[test]
fn the_expected_units_are_kept_from_what_the_module_says() {
    let sandbox = evaluated(&["-E", "import ./nix-module/sandbox.nix { devices = false; }"]);
    let lines = |(key, value): (&String, &Value)| -> Vec<String> {
        let line = |value: &Value| match value {
            Value::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        };
        value.as_array().map_or_else(|| vec![line(value)], |all| all.iter().map(line).collect())
    };
    let wanted: Vec<_> = sandbox.as_object().unwrap().iter().flat_map(lines).collect();
    assert!(wanted.len() > 20, "{wanted:?}");
    for unit in ["pkeys-activate", "pkeys-activate-users", "pkeys-receive@"] {
        let text = std::fs::read_to_string(expected("systemd").join(format!("units/{unit}.service"))).unwrap();
        let missing: Vec<_> = wanted.iter().filter(|wanted| !text.lines().any(|line| line == *wanted)).collect();
        assert!(missing.is_empty(), "{unit}: {missing:?}; make them anew with NIXPKGS_LIB and UPDATE_EXPECTED=1");
    }
}

/// Four silent connections kept every other out, and nothing bounded the memory that a connection could use.
#[test]
fn connections_are_bounded_in_memory_and_time_and_leave_room_for_others() {
    for name in ["receive", "report"] {
        let unit = |file: String| std::fs::read_to_string(expected("systemd").join("units").join(file)).unwrap();
        let (socket, service) = (unit(format!("pkeys-{name}.socket")), unit(format!("pkeys-{name}@.service")));
        let places = socket.lines().find_map(|line| line.strip_prefix("MaxConnections=")).unwrap();
        assert!(places.parse::<u32>().unwrap() >= 16, "{socket}");
        assert!(socket.contains("\nTriggerLimitIntervalSec=0\n"), "many connections do not end the socket: {socket}");
        assert!(service.contains("\nMemoryMax=") && service.contains("\nRuntimeMaxSec="), "{service}");
        assert!(unit(format!("system-pkeys\\x2d{name}.slice")).contains("\nMemoryMax="));
    }
}

#[test]
fn the_unit_is_sandboxed_and_the_program_needs_no_more() {
    let place = units("systemd");
    for unit in ["pkeys-activate.service", "pkeys-activate-users.service", "pkeys-report@.service"] {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--no-pager", "--offline=yes", "--threshold=20"]).arg(place.path().join(unit));
        run_command(&mut command, b"").good();
    }
    if !crate::common::root("the unit's capabilities") {
        return;
    }
    let [bounds, looking] = ["pkeys-activate.service", "pkeys-report@.service"].map(|unit| {
        let text = std::fs::read_to_string(place.path().join(unit)).unwrap();
        let capabilities = text.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet=CAP_"));
        capabilities.map(|name| format!(",+{}", name.to_lowercase())).collect::<String>()
    });
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--propagation",
        "private",
        "bash",
        "tests/nix/sandbox.sh",
        activate_binary(),
        &bounds,
        &looking,
    ]);
    run_command(command.current_dir(top()), b"").good();
}
