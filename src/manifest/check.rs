//! Mistakes in a manifest that parses: each with its line and what to do.

use crate::base::{HostName, SecretName, files};
use crate::bundle::NEW_HOST_KEY;
use crate::manifest::{MANIFEST_FILE, Manifest, Origin, Repository, Selector, SourceKind};
use crate::source::{Query, Reference};

/// One mistake.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it stops a render, or is only probably wrong.
    pub serious: bool,
    /// The file that it is in.
    pub file: String,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Looks for mistakes; asks no source.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Findings { repository, all: Vec::new() };
    let manifest = repository.manifest();
    operators(&mut findings, manifest);
    hosts(&mut findings, manifest);
    secrets(&mut findings, manifest);
    users(&mut findings, manifest);
    findings.all.sort_by_key(|finding| (finding.line, !finding.serious));
    findings.all
}

struct Findings<'a> {
    repository: &'a Repository,
    all: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, serious: bool, path: &[&str], message: String, hint: impl Into<String>) {
        let line = (1..=path.len()).rev().find_map(|depth| self.repository.line(&path[..depth]));
        self.all.push(Finding { serious, file: MANIFEST_FILE.into(), line, message, hint: hint.into() });
    }

    fn error(&mut self, path: &[&str], message: String, hint: impl Into<String>) {
        self.add(true, path, message, hint);
    }

    fn warning(&mut self, path: &[&str], message: String, hint: impl Into<String>) {
        self.add(false, path, message, hint);
    }

    fn failed(&mut self, path: &[&str], what: &str, error: &crate::base::Error) {
        self.error(path, format!("{what}: {error}"), error.next_step().unwrap_or_default());
    }

    /// An age file that the manifest names.
    fn local(&mut self, path: &[&str], what: &str, file: &SecretName, hint: &str) {
        let place = self.repository.secret_file(file);
        match files::exists(&place) {
            Ok(true) => {}
            Ok(false) => self.error(path, format!("{what}: there is no {}", place.display()), hint),
            Err(e) => self.failed(path, what, &e),
        }
    }

    fn selectors(&mut self, path: &[&str], what: &str, selectors: &[Selector]) {
        let manifest = self.repository.manifest();
        for selector in selectors {
            if manifest.selected(std::slice::from_ref(selector)).next().is_some() {
                continue;
            }
            match selector {
                Selector::Host(name) => {
                    let near =
                        crate::base::error::did_you_mean(name.as_str(), manifest.hosts.keys().map(HostName::as_str));
                    let hint = near.map_or_else(
                        || format!("add it: `pkeys host add {name} --scan ADDRESS`"),
                        |near| format!("did you mean {near}?"),
                    );
                    self.error(path, format!("{what} names the host {name}, which does not exist"), hint);
                }
                Selector::Tag(tag) => {
                    let known = manifest.hosts.values().flat_map(|host| &host.tags).map(String::as_str);
                    let near = crate::base::error::did_you_mean(tag, known);
                    let hint = near.map_or_else(
                        || format!("tag a host: `pkeys host add HOST --tag {tag}`"),
                        |near| format!("did you mean tag:{near}?"),
                    );
                    self.warning(path, format!("{what} names tag:{tag}, which no host has"), hint);
                }
                Selector::All => self.warning(
                    path,
                    format!("{what} goes to all hosts, and there are none"),
                    "add one: `pkeys host add NAME --scan ADDRESS`",
                ),
            }
        }
    }
}

fn operators(findings: &mut Findings, manifest: &Manifest) {
    let uses_age = manifest.secrets.values().any(|secret| matches!(secret.from, Reference::Age(_)));
    match manifest.secret_recipients() {
        Err(e) if uses_age || !manifest.operators.is_empty() => findings.failed(&["operators"], "operators", &e),
        _ => {}
    }
    if manifest.break_glass.recipients.is_empty() {
        findings.warning(
            &["break-glass"],
            "no break-glass recipient: when a host's key is lost, its bundle cannot be opened".into(),
            "make a key with `age-keygen`, keep it offline, and add its age1… to [break-glass] recipients",
        );
    }
    for (name, source) in &manifest.sources {
        let path = ["sources", name.as_str()];
        if source.ca_file.is_some() {
            findings.error(
                &[path[0], path[1], "ca-file"],
                format!("source {name}: pkeys.toml cannot say which CA is trusted (`ca-file`)"),
                "remove it, and trust the CA on each operator's machine: `pkeys login --ca-file FILE`",
            );
        }
        match source.kind {
            SourceKind::Connect if source.directory.is_some() => findings.error(
                &path,
                format!("source {name} is kind \"connect\" and has a directory"),
                "remove `directory`",
            ),
            SourceKind::Age if source.url.is_some() => findings.error(
                &path,
                format!("source {name} is kind \"age\" and has a url"),
                "remove it, or set kind = \"connect\"",
            ),
            SourceKind::Age => {
                let directory = source.directory.as_deref().unwrap_or("secrets".as_ref());
                if let Err(e) = findings.repository.file(directory).names() {
                    findings.failed(&path, &format!("source {name}"), &e);
                }
            }
            _ => {}
        }
    }
}

fn hosts(findings: &mut Findings, manifest: &Manifest) {
    for (name, host) in &manifest.hosts {
        let path = ["hosts", name.as_str(), "recipients"];
        if let Err(e) = manifest.recipients_of(name) {
            findings.failed(&path, &format!("host {name}"), &e);
        }
        if let Some(Reference::Age(file)) = &host.host_key {
            let hint = "restore it from git, or remove `host-key` if the host has its key already";
            findings.local(&[path[0], path[1], "host-key"], &format!("host {name}"), file, hint);
        }
        let shared = manifest.hosts.iter().filter(|(other, _)| *other < name);
        for (other, _) in shared.filter(|(_, o)| o.recipients.iter().any(|r| host.recipients.contains(r))) {
            findings.warning(
                &path,
                format!("{name} and {other} have the same recipient: each can open the other's bundle"),
                "give each host its own SSH host key",
            );
        }
    }
    if manifest.hosts.is_empty() {
        findings.warning(&[], "there are no hosts yet".into(), "add one: `pkeys host add NAME --scan ADDRESS`");
    }
}

fn secrets(findings: &mut Findings, manifest: &Manifest) {
    for (name, secret) in &manifest.secrets {
        let path = ["secrets", name.as_str()];
        if name.as_str() == NEW_HOST_KEY {
            findings.error(
                &path,
                format!("a secret is called {NEW_HOST_KEY}: hosts take that for their new SSH host key"),
                "give it another name",
            );
        }
        if let Err(e) = Origin::of(manifest, secret) {
            findings.failed(&path, &format!("secret {name}"), &e);
        }
        if let Reference::Age(file) = &secret.from {
            let hint = format!("make it: `pkeys secret set {file}`");
            findings.local(&[path[0], path[1], "from"], &format!("secret {name}"), file, &hint);
        }
        if let Reference::Op(op) = &secret.from
            && let Some(Query::Otp | Query::Totp) = op.query
            && !secret.hosts.is_empty()
        {
            findings.warning(
                &[path[0], path[1], "from"],
                format!("secret {name} is a one-time password: it changes every 30 seconds, so hosts get a dead one"),
                "leave ?attribute=… out to deliver what the codes are made from, or give it to no host",
            );
        }
        let hosts = [path[0], path[1], "hosts"];
        if secret.hosts.is_empty() {
            findings.warning(
                &hosts,
                format!("nobody gets the secret {name}"),
                "name its hosts: hosts = [\"web\", \"tag:server\"]",
            );
        }
        findings.selectors(&hosts, &format!("secret {name}"), &secret.hosts);
    }
}

fn users(findings: &mut Findings, manifest: &Manifest) {
    for (name, user) in &manifest.users {
        let path = ["users", name.as_str(), "hosts"];
        if user.hosts.is_empty() {
            findings.warning(&path, format!("user {name} is known to no host"), "name the hosts: hosts = [\"*\"]");
        }
        findings.selectors(&path, &format!("user {name}"), &user.hosts);
    }
}
