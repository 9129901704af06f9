//! Entities for tests of policies: what a test does not say is as it is for a healthy one.

use crate::policy::world::{attributes, entity};
use cedar_policy::EntityUid;
use serde_json::{Map, Value, json};

/// The attributes of a healthy entity of this type; `None` for a type that the schema does not have.
fn healthy(kind: &str, id: &str) -> Option<Map<String, Value>> {
    let all = match kind {
        "Host" => {
            json!({ "name": id, "tags": [], "breakGlass": ["age1breakglass"], "lastDrill": 1, "keyKeptHere": false })
        }
        "Secret" => json!({ "name": id, "tags": [], "owner": "ann", "source": "age", "generated": false }),
        "User" => json!({ "name": id, "operator": false }),
        "Operator" => json!({ "name": id }),
        "SshKey" => json!({
            "label": "laptop", "fingerprint": "SHA256:test", "algorithm": "ED25519", "bits": 256,
            "signatureHash": "SHA-512", "hardware": false, "held": true, "age": 1, "state": "active",
            "beingReplaced": false, "everywhere": false, "ofOperator": false, "foundInGit": false,
        }),
        _ => return None,
    };
    Some(attributes(all))
}

/// An entity with these attributes in place of, or beside, those of a healthy one; as Cedar's JSON. `None` for a type that
/// the schema does not have.
pub(super) fn like(
    uid: &EntityUid,
    changed: Map<String, Value>,
    without: &[String],
    parents: &[EntityUid],
) -> Option<Value> {
    let kind = uid.type_name().to_string();
    let mut all = healthy(&kind, uid.id().unescaped())?;
    all.extend(changed);
    for name in without {
        all.remove(name);
    }
    let names: Vec<_> =
        parents.iter().map(|parent| (parent.type_name().to_string(), parent.id().unescaped().to_owned())).collect();
    let parents: Vec<_> = names.iter().map(|(kind, id)| (kind.as_str(), id.as_str())).collect();
    Some(entity(&kind, uid.id().unescaped(), all, &parents))
}
