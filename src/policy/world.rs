//! What rules can look at: the entities, made of `pkeys.toml`, `keys.toml`, the log and the list of leaked keys.

use crate::base::{Error, OperatorName, Result, UserName};
use crate::keys::{PublicHalf, State, UserKey, UserKeys};
use crate::manifest::{Manifest, Selector};
use crate::policy::names;
use crate::source::Reference;
use cedar_policy::{Entities, EntityUid, Schema};
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The facts that are not in the manifest.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    /// The users' keys.
    pub keys: Option<&'a UserKeys>,
    /// The fingerprints of keys that were found in git.
    pub leaked: BTreeMap<String, String>,
    /// How many days ago the last drill was.
    pub last_drill: Option<i64>,
    /// The day that it is.
    pub today: Date,
}

/// The entities.
#[derive(Debug)]
pub struct World {
    pub(super) entities: Entities,
}

impl World {
    /// From data alone: asks nobody.
    ///
    /// # Errors
    /// When the data does not fit the schema, which is a mistake of pkeys.
    pub(super) fn new(schema: &Schema, manifest: &Manifest, facts: &Facts) -> Result<Self> {
        let names = manifest.operators.keys().chain(manifest.signers.keys());
        let operators: BTreeSet<&str> = names.map(OperatorName::as_str).collect();
        let mut all: Vec<Value> = Vec::new();
        for (name, host) in &manifest.hosts {
            let mut attributes = attributes(json!({
                "name": name, "tags": host.tags, "breakGlass": manifest.break_glass.recipients,
                "keyKeptHere": host.host_key.is_some(),
            }));
            put(&mut attributes, "lastDrill", facts.last_drill);
            all.push(entity("Host", name.as_str(), attributes, &[]));
        }
        for (name, secret) in &manifest.secrets {
            let (source, vault) = match &secret.from {
                Reference::Age(_) => ("age", None),
                Reference::Op(op) => ("1password", Some(&op.vault)),
            };
            let mut attributes = attributes(json!({
                "name": name, "tags": secret.tags, "source": source, "generated": secret.generate.is_some(),
            }));
            put(&mut attributes, "owner", secret.owner.as_ref().filter(|owner| !owner.is_empty()));
            put(&mut attributes, "vault", vault);
            all.push(entity("Secret", name.as_str(), attributes, &[]));
        }
        let keys = facts.keys.map(UserKeys::all).unwrap_or_default();
        let users: BTreeSet<&str> =
            manifest.users.keys().chain(keys.iter().map(|key| &key.user)).map(UserName::as_str).collect();
        for name in users {
            let operator = operators.iter().any(|operator| *operator == name);
            let mut attributes = attributes(json!({ "name": name, "operator": operator }));
            let every = manifest.users.iter().find(|(user, _)| user.as_str() == name).and_then(|(_, u)| u.rotate_every);
            put(&mut attributes, "rotateEvery", every.map(|every| every.days));
            all.push(entity("User", name, attributes, &[]));
        }
        for name in operators.iter().copied().chain(["unknown"]).collect::<BTreeSet<_>>() {
            all.push(entity("Operator", name, attributes(json!({ "name": name })), &[]));
        }
        let of_operator = |user: &str| operators.iter().any(|operator| *operator == user);
        all.extend(keys.iter().map(|key| {
            let replaced = keys.iter().any(|other| other.place() == key.place() && other.state == State::Pending);
            user_key(manifest, facts, key, replaced && key.state != State::Pending, of_operator(key.user.as_str()))
        }));
        for (name, line) in &manifest.signers {
            let Ok(key) = crate::bundle::public_key(line) else { continue };
            all.push(signing_key(facts, name.as_str(), &key));
        }
        let entities = Entities::from_json_value(Value::Array(all), Some(schema)).map_err(|e| {
            Error::new(format!("the policies' entities do not fit their schema: {e}"))
                .hint("this is a mistake of pkeys")
        })?;
        Ok(Self { entities })
    }

    /// The entity of a user's key.
    pub(super) fn key(key: &UserKey) -> EntityUid {
        names::ssh_key(&key_name(key))
    }
}

/// `ann laptop`, and `ann laptop pending` for one that is to replace it.
pub(super) fn key_name(key: &UserKey) -> String {
    match key.state {
        State::Active => key.name(),
        state => format!("{} {state}", key.name()),
    }
}

/// No name of a user's key, which has two or three words.
pub(super) fn signing_key_name(operator: &str) -> String {
    format!("signing key of {operator}")
}

fn user_key(manifest: &Manifest, facts: &Facts, key: &UserKey, replaced: bool, of_operator: bool) -> Value {
    let user = manifest.users.get(&key.user);
    let everywhere = user.is_some_and(|user| user.hosts.contains(&Selector::All))
        && key.hosts.as_ref().is_none_or(|hosts| hosts.contains(&Selector::All));
    let mut attributes = public_half(facts, &key.public);
    attributes.extend(crate::policy::world::attributes(json!({
        "label": key.label.as_str(), "held": key.private.is_some(), "age": key.age(facts.today),
        "state": key.state.as_str(), "beingReplaced": replaced, "everywhere": everywhere, "ofOperator": of_operator,
    })));
    put(&mut attributes, "rotateEvery", user.and_then(|user| user.rotate_every).map(|every| every.days));
    entity("SshKey", &key_name(key), attributes, &[("User", key.user.as_str())])
}

fn signing_key(facts: &Facts, operator: &str, key: &ssh_key::PublicKey) -> Value {
    let half = PublicHalf::unchecked(key.clone());
    let mut attributes = public_half(facts, &half);
    attributes.extend(crate::policy::world::attributes(json!({
        "label": "signer", "held": true, "state": "active", "beingReplaced": false, "everywhere": false,
        "ofOperator": true,
    })));
    entity("SshKey", &signing_key_name(operator), attributes, &[("Operator", operator)])
}

fn public_half(facts: &Facts, half: &PublicHalf) -> Map<String, Value> {
    let (algorithm, bits, fingerprint) = (half.algorithm(), half.bits(), half.fingerprint());
    let hash = match (algorithm, bits) {
        ("DSA", _) => "SHA-1",
        ("ECDSA", 384) => "SHA-384",
        ("ECDSA", 521) => "SHA-512",
        ("ECDSA" | "ECDSA-SK", _) => "SHA-256",
        _ => "SHA-512",
    };
    attributes(json!({
        "fingerprint": fingerprint, "algorithm": algorithm, "bits": bits, "signatureHash": hash,
        "hardware": half.is_hardware(), "foundInGit": facts.leaked.contains_key(&fingerprint),
    }))
}

pub(super) fn entity(kind: &str, id: &str, attributes: Map<String, Value>, parents: &[(&str, &str)]) -> Value {
    let parents: Vec<_> = parents.iter().map(|(kind, id)| json!({ "type": kind, "id": id })).collect();
    json!({ "uid": { "type": kind, "id": id }, "attrs": attributes, "parents": parents })
}

pub(super) fn attributes(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn put(attributes: &mut Map<String, Value>, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        attributes.insert(name.into(), json!(value));
    }
}
