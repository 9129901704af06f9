//! `pkeys adopt`: every user of every host has the same keys afterwards, by what Nix evaluates before and after.
//!
//! With `NIXPKGS_LIB` (the `lib` of nixpkgs) its module system evaluates; else the stand-in of `tests/adopt/lib.nix` does.

use crate::common::{Sandbox, files_below, run_command};
use pkeys::base::HostName;
use pkeys::keys::{AuthorizedLine, UserKeys, authorized};
use pkeys::manifest::Repository;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const HOSTS: [&str; 2] = ["db", "web"];

/// By user: keys with their options, without comments.
type Keys = BTreeMap<String, BTreeSet<String>>;

fn source(what: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adopt").join(what)
}

fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let place = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(&file, place).unwrap();
    }
}

/// Puts a case of the corpus into a repository: a single file is a module of both hosts.
fn place(case: &Path, repo: &Path) {
    for entry in std::fs::read_dir(repo).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
    }
    copy(&source("keys"), &repo.join("keys"));
    if case.is_dir() {
        return copy(case, repo);
    }
    std::fs::copy(case, repo.join("shared.nix")).unwrap();
    std::fs::create_dir(repo.join("hosts")).unwrap();
    for host in HOSTS {
        std::fs::write(repo.join(format!("hosts/{host}.nix")), "{ imports = [ ../shared.nix ]; }\n").unwrap();
    }
}

/// What the case says of itself: `# expect: taken 2, left 0`.
fn expected(case: &Path) -> (usize, usize) {
    let file = if case.is_dir() { case.join("hosts/web.nix") } else { case.to_owned() };
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().next().unwrap().trim_start_matches("# expect: taken ").trim().to_owned();
    let (taken, left) = line.split_once(", left ").unwrap_or_else(|| panic!("{case:?} says nothing: {line}"));
    (taken.parse().unwrap(), left.parse().unwrap())
}

/// What Nix says of each directory: by host and user the keys and whether pkeys has others.
fn evaluated(roots: &[PathBuf]) -> Vec<BTreeMap<String, BTreeMap<String, Value>>> {
    let lib = std::env::var("NIXPKGS_LIB").unwrap_or_default();
    if lib.is_empty() {
        eprintln!("NIXPKGS_LIB does not name nixpkgs' lib: a stand-in evaluates");
    }
    let all = roots.iter().map(|root| {
        let of = |host| {
            let evaluate = source("evaluate.nix");
            format!(
                "{host} = import {} {{ root = {root:?}; host = {host:?}; nixpkgsLib = {lib:?}; }};",
                evaluate.display()
            )
        };
        format!("{{ {} }}", HOSTS.map(of).join(" "))
    });
    let expression = format!("[ {} ]", all.collect::<Vec<_>>().join(" "));
    let state = tempfile::tempdir().unwrap();
    let mut nix = Command::new("nix-instantiate");
    for (name, place) in [("NIX_STATE_DIR", "state"), ("NIX_LOG_DIR", "log"), ("NIX_CONF_DIR", "etc")] {
        nix.env(name, state.path().join(place));
    }
    nix.env("HOME", state.path()).arg("--store").arg(state.path().join("store"));
    let out = run_command(nix.args(["--eval", "--strict", "--json", "--expr", &expression]), b"").good();
    serde_json::from_str(&out).unwrap()
}

fn keys(lines: impl Iterator<Item = String>) -> BTreeSet<String> {
    let plain = |line: String| match line.parse::<AuthorizedLine>() {
        Ok(parsed) => {
            let public = parsed.public.clone().with_comment("x");
            AuthorizedLine { public, ..parsed }.to_string()
        }
        Err(_) => line,
    };
    let lines = lines.flat_map(|text| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(plain).collect()
}

fn by_nix(host: &BTreeMap<String, Value>) -> Keys {
    let lines = |user: &Value| {
        user["keys"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = host.iter().map(|(user, value)| (user.clone(), keys(lines(value).into_iter())));
    all.filter(|(_, keys)| !keys.is_empty()).collect()
}

fn by_pkeys(repository: &Repository, host: &str) -> Keys {
    let all = authorized(repository.manifest(), &UserKeys::load(repository).unwrap(), &HostName::new(host).unwrap());
    all.into_iter().map(|(user, lines)| (user.to_string(), keys(lines.into_iter()))).collect()
}

#[test]
fn every_user_of_every_host_keeps_the_same_keys() {
    let sandbox = Sandbox::new();
    for host in HOSTS {
        sandbox.host(host, &[]);
    }
    let manifest = sandbox.read("pkeys.toml");
    let copies = tempfile::tempdir().unwrap();
    let mut cases: Vec<_> = std::fs::read_dir(source("corpus")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 40);
    let (mut roots, mut kept, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for case in &cases {
        let name = case.file_stem().unwrap().to_str().unwrap();
        place(case, &sandbox.repo());
        sandbox.manifest(&manifest);
        let [before, after] = ["before", "after"].map(|when| copies.path().join(when).join(name));
        copy(&sandbox.repo(), &before);
        let ran = sandbox.pkeys(&["adopt", "--yes", "--json"]);
        let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{name}: {} {}", ran.out, ran.err));
        let count = |what: &str| said[what].as_array().unwrap().len();
        if (count("taken"), count("left")) != expected(case) || (ran.status == 0) != (count("left") == 0) {
            wrong.push(format!("{name}: {said:#}"));
        }
        let again: Value = serde_json::from_str(&sandbox.pkeys(&["adopt", "--yes", "--json"]).out).unwrap();
        assert_eq!((&again["taken"], &again["files"]), (&Value::Array(vec![]), &Value::Array(vec![])), "{name}: twice");
        copy(&sandbox.repo(), &after);
        let repository = Repository::open(&sandbox.repo()).unwrap();
        kept.push(HOSTS.map(|host| by_pkeys(&repository, host)));
        roots.extend([before, after]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let evaluated = evaluated(&roots);
    for ((case, pair), moved) in cases.iter().zip(evaluated.chunks(2)).zip(kept) {
        for (host, moved) in HOSTS.iter().zip(moved) {
            let (before, after) = (by_nix(&pair[0][*host]), by_nix(&pair[1][*host]));
            let mut all = after.clone();
            moved.iter().for_each(|(user, keys)| all.entry(user.clone()).or_default().extend(keys.clone()));
            assert_eq!(before, all, "{case:?} on {host}");
            for (user, value) in &pair[1][*host] {
                let says = value["pkeys"] == true;
                assert_eq!(says, moved.contains_key(user), "{case:?}: {user} on {host}");
            }
        }
    }
}
