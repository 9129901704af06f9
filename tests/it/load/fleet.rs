//! Many hosts and a thousand items. `pkeys.toml` is written as text: a command for each would take longer than the test.

use crate::common::connect::StandIn;
use crate::common::{Ran, Sandbox, run_command};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// How many items there are, each with one secret.
pub const ITEMS: usize = 1000;
/// How many of them go to every host.
const FOR_ALL: usize = 3;
/// How many key pairs the hosts share.
const KEYS: usize = 4;
const TOKEN: &str = "t";

/// A repository with many hosts, and the server that its secrets come from.
pub struct Big {
    pub sandbox: Sandbox,
    pub server: StandIn,
    hosts: usize,
}

pub fn host(number: usize) -> String {
    format!("h{number:04}")
}

fn secret(number: usize) -> String {
    format!("s{number:04}")
}

fn vault(item: usize) -> (&'static str, String) {
    let name = if item.is_multiple_of(2) { "even" } else { "odd" };
    (name, format!("{name:a<26}"))
}

fn item_id(item: usize) -> String {
    format!("{:x<26}", format!("item{item:04}"))
}

fn value(item: usize) -> String {
    format!("the value of {item:04}, before")
}

fn changed_value(item: usize) -> String {
    format!("the value of {item:04}, after")
}

/// The items of a host: those for all, and 17 that no neighbour has.
fn items_of(host: usize) -> BTreeSet<usize> {
    (0..17).map(|n| (host * 17 + n * 61) % ITEMS).chain(0..FOR_ALL).collect()
}

/// The server's data: two vaults, and items with a little more in them than what is wanted.
fn data() -> String {
    let mut vaults = BTreeMap::<&str, Vec<Value>>::new();
    for item in 0..ITEMS {
        let fields = json!([
            { "id": "username", "type": "STRING", "label": "username", "value": "somebody" },
            { "id": "credential", "type": "CONCEALED", "label": "credential", "value": value(item) },
            { "id": "notesPlain", "type": "STRING", "label": "notesPlain", "value": "n".repeat(500) },
        ]);
        let title = format!("item {item}");
        let whole = json!({ "id": item_id(item), "title": title, "category": "API_CREDENTIAL", "fields": fields });
        vaults.entry(vault(item).0).or_default().push(whole);
    }
    let vaults: Vec<Value> = vaults
        .iter()
        .map(|(name, items)| json!({ "id": format!("{name:a<26}"), "name": name, "items": items }))
        .collect();
    let scopes: BTreeMap<_, _> = vaults.iter().map(|vault| (vault["id"].as_str().unwrap(), "write")).collect();
    json!({ "vaults": vaults, "tokens": [{ "token": TOKEN, "vaults": scopes }] }).to_string()
}

impl Big {
    /// A repository with nothing rendered yet, and a server with these options.
    pub fn new(hosts: usize, options: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let keys: Vec<String> = (0..KEYS).map(|n| sandbox.ssh_key(&format!("key{n}"), "ed25519").1).collect();
        let mut text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
        text += "[sources.onepassword]\nkind = \"connect\"\n";
        let mut holders = vec![Vec::new(); ITEMS];
        for number in 0..hosts {
            text += &format!("[hosts.{}]\nrecipients = [\"{}\"]\n", host(number), keys[number % KEYS]);
            items_of(number).into_iter().for_each(|item| holders[item].push(host(number)));
        }
        for (item, mut holders) in holders.into_iter().enumerate() {
            if item < FOR_ALL {
                holders = vec!["*".to_owned()];
            }
            let from = format!("op://{}/item {item}/credential", vault(item).0);
            text += &format!("[secrets.{}]\nfrom = \"{from}\"\nhosts = {holders:?}\n", secret(item));
        }
        sandbox.manifest(text);
        Self { sandbox, server: StandIn::start(&data(), options), hosts }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.sandbox.command_of(program);
        command.env("OP_CONNECT_HOST", self.server.url()).env("OP_CONNECT_TOKEN", TOKEN);
        command
    }

    #[track_caller]
    pub fn pkeys(&self, arguments: &[&str]) -> Ran {
        run_command(self.command(crate::common::pkeys_binary()).args(arguments), b"")
    }

    /// The same, and the most memory that it took, in KiB.
    #[track_caller]
    pub fn measured(&self, arguments: &[&str]) -> (Ran, u64) {
        let peak = self.sandbox.path("peak");
        let mut command = self.command("/usr/bin/time");
        command.args(["-f", "%M", "-o"]).arg(&peak).arg(crate::common::pkeys_binary()).args(arguments);
        let ran = run_command(&mut command, b"");
        let said = std::fs::read_to_string(&peak).unwrap();
        (ran, said.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number"))
    }

    /// The files of each host's bundle.
    pub fn bundles(&self) -> BTreeMap<String, Vec<Vec<u8>>> {
        let mut bundles = BTreeMap::<String, Vec<Vec<u8>>>::new();
        let top = self.sandbox.repo().join("bundles");
        for path in crate::common::files_below(&top) {
            let host = path.strip_prefix(&top).unwrap().iter().next().unwrap().to_string_lossy().into_owned();
            bundles.entry(host).or_default().push(std::fs::read(path).unwrap());
        }
        bundles
    }

    /// The hosts that get an item's secret.
    pub fn holders(&self, item: usize) -> Vec<usize> {
        (0..self.hosts).filter(|host| items_of(*host).contains(&item)).collect()
    }

    /// The items that any of these hosts gets.
    pub fn items_of(&self, hosts: &[usize]) -> BTreeSet<usize> {
        hosts.iter().flat_map(|host| items_of(*host)).collect()
    }

    /// Gives an item another value, in 1Password.
    pub fn change(&self, item: usize) {
        let path = format!("/v1/vaults/{}/items/{}", vault(item).1, item_id(item));
        let patch = json!([{ "op": "replace", "path": "/fields/credential/value", "value": changed_value(item) }]);
        // The server may fail this one too.
        let mut tries = (0..5).map(|_| self.server.try_call("PATCH", &path, TOKEN, Some(&patch)));
        assert!(tries.any(|reply| reply.is_ok_and(|reply| reply.status == 200)), "the item cannot be changed");
    }

    /// Demands that `age` and `tar` find exactly a host's secrets in its bundle, with the values of these items changed.
    #[track_caller]
    pub fn opens(&self, number: usize, changed: &[usize]) {
        let (key, out) = (self.sandbox.path(&format!("key{}.key", number % KEYS)), self.sandbox.path("out"));
        let _ = std::fs::remove_dir_all(&out);
        std::fs::create_dir(&out).unwrap();
        let open =
            format!("age -d -i {} bundles/{}/secrets.age | tar -x -C {}", key.display(), host(number), out.display());
        run_command(self.sandbox.command_of("sh").args(["-c", &open]), b"").good();
        let found: BTreeMap<String, String> = std::fs::read_dir(out.join("secrets"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
            })
            .collect();
        let wanted = items_of(number)
            .into_iter()
            .map(|item| (secret(item), if changed.contains(&item) { changed_value(item) } else { value(item) }));
        assert_eq!(found, wanted.collect(), "{}", host(number));
    }
}
