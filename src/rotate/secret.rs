//! A new value for generated secrets, on every host that gets them.

use crate::audit::{self, Action};
use crate::base::{Error, HostName, Result, SecretName};
use crate::manifest::{Generate, Repository};
use crate::operator::{Keys, random_bytes, random_letters, random_words};
use crate::policy::Leeway;
use crate::push::Options;
use crate::render::write_local;
use crate::rotate::Commits;
use crate::rotate::{Scope, commits, deploy, may_render};
use crate::source::Reference;
use std::collections::BTreeSet;

/// The age file that a secret's new value goes into, and how that is made.
///
/// # Errors
/// When there is no such secret, it has no generator, or its value is not in a local age file.
pub fn generator<'a>(repository: &'a Repository, name: &SecretName) -> Result<(&'a SecretName, &'a Generate)> {
    let secret = repository.manifest().secrets.get(name);
    let secret =
        secret.ok_or_else(|| Error::new(format!("pkeys.toml has no secret {name}")).hint("see `pkeys secret list`"))?;
    let Reference::Age(file) = &secret.from else {
        return Err(Error::new(format!("pkeys does not write the value of {name}: it is at {}", secret.from))
            .hint("change it there, then `pkeys render` and `pkeys push`"));
    };
    let generate = secret.generate.as_ref().ok_or_else(|| {
        Error::new(format!("pkeys.toml does not say how to make a new value for {name}"))
            .hint("add `generate = { length = 40 }` to it; or `pkeys secret set` a value of your own")
    })?;
    Ok((file, generate))
}

/// The hosts that get the value of a secret, under whatever name.
pub fn receivers(repository: &Repository, names: &[SecretName]) -> BTreeSet<HostName> {
    let manifest = repository.manifest();
    let from: Vec<_> = names.iter().filter_map(|name| manifest.secrets.get(name)).map(|secret| &secret.from).collect();
    let same = manifest.secrets.values().filter(|secret| from.contains(&&secret.from));
    same.flat_map(|secret| manifest.selected(&secret.hosts)).cloned().collect()
}

/// Gives each secret a new value, renders and pushes. All generators are looked at before the first value is changed.
/// Says for each host whether it has the new values. The policies are asked before the first value is changed.
///
/// # Errors
/// When nothing could be changed, or rendered.
pub fn rotate_secrets(
    repository: &Repository,
    keys: &Keys,
    names: &[SecretName],
    commits: Option<&Commits>,
    done: &(dyn Fn(&HostName) + Sync),
    warn: &dyn Fn(&str),
) -> Result<Vec<(HostName, Result<()>)>> {
    let all = names.iter().map(|name| generator(repository, name)).collect::<Result<Vec<_>>>()?;
    let hosts: Vec<_> = receivers(repository, names).into_iter().collect();
    may_render(repository, keys, &hosts, Leeway::Rotation)?;
    for (name, (file, generate)) in names.iter().zip(all) {
        let value = match *generate {
            Generate::Length(number) => random_letters(number),
            Generate::Bytes(number) => random_bytes(number),
            Generate::Words(number) => random_words(number),
        };
        audit::append(repository, &[Action::new("rotate").text("secret", name)])?;
        write_local(repository, keys, file, &value)?;
    }
    let options = Options { leeway: Leeway::Rotation, ..Options::default() };
    let deployed = deploy(repository, keys, &hosts, Scope::All, options, done, warn)?;
    let names: Vec<_> = names.iter().map(SecretName::as_str).collect();
    commits::step(commits, &format!("pkeys rotate --secret {}", names.join(" ")))?;
    Ok(hosts
        .into_iter()
        .map(|host| {
            let on = deployed.on(&host).map(drop);
            (host, on)
        })
        .collect())
}
