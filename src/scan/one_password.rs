//! What opens 1Password: service account tokens, Connect tokens, and the file that a Connect server starts with.

use crate::scan::found::Found;
use crate::scan::kind::{CONNECT_TOKEN, CREDENTIALS, SERVICE_TOKEN};
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
use regex::bytes::{Match, Regex};
use serde_json::Value;
use std::sync::LazyLock;
use zeroize::Zeroizing;

static SERVICE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bops_(eyJ[A-Za-z0-9+/_-]{100,})={0,3}").expect("right"));
/// The claims of a Connect token begin with `{"1password…`, in Base64 `eyIx…`; those of others with `eyJ…`.
static JWT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\beyJ[A-Za-z0-9_-]{10,}\.(ey[A-Za-z0-9_-]{20,})\.[A-Za-z0-9_-]{20,}").expect("right")
});
/// The keys of `1password-credentials.json`, with the secret ones' values.
static PARTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""(?:encCredentials|uniqueKey)"\s*:\s*\{[^{}]*?"(?:data|k)"\s*:\s*"([A-Za-z0-9+/_=-]{16,})""#)
        .expect("right")
});
/// The same file in Base64, as Connect takes it from `OP_SESSION`: it starts with `{"verifier":` or `{"encCredentials":`.
static ENCODED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:eyJ2ZXJpZmllciI6|eyJlbmNDcmVkZW50aWFscyI6)[A-Za-z0-9+/_-]{200,}").expect("right")
});

/// What of 1Password's is in these bytes.
pub(super) fn find(bytes: &[u8]) -> Vec<Found> {
    let service = SERVICE.captures_iter(bytes).filter_map(|captures| {
        let (whole, payload) = (captures.get(0)?, captures.get(1)?);
        starts_json(payload.as_bytes()).then(|| new(&SERVICE_TOKEN, whole, "ops_"))
    });
    let connect = JWT.captures_iter(bytes).filter_map(|captures| {
        let (whole, payload) = (captures.get(0)?, captures.get(1)?);
        is_connect(payload.as_bytes()).then(|| new(&CONNECT_TOKEN, whole, "eyJ"))
    });
    // Two halves of one file are one finding.
    let parts = PARTS.captures_iter(bytes).filter_map(|captures| captures.get(1)).take(1);
    let encoded = ENCODED.find_iter(bytes);
    let mut found: Vec<_> = service.chain(connect).collect();
    found.extend(parts.chain(encoded).map(|part| credentials(part, bytes)));
    found
}

fn new(kind: &'static super::Kind, whole: Match, prefix: &str) -> Found {
    Found::prefixed(kind, whole.range(), whole.as_bytes(), prefix).with_digest()
}

fn credentials(part: Match, bytes: &[u8]) -> Found {
    let found = Found::prefixed(&CREDENTIALS, part.range(), part.as_bytes(), "");
    Found { masked: format!("credentials of a Connect server (in {} bytes)", bytes.len()), ..found }.with_digest()
}

/// Whether Base64 of either alphabet holds the beginning of an object with a name in it.
fn starts_json(payload: &[u8]) -> bool {
    let start = &payload[..payload.len().min(64) / 4 * 4];
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(start).or_else(|_| BASE64_STANDARD_NO_PAD.decode(start));
    decoded.map(Zeroizing::new).is_ok_and(|json| json.starts_with(b"{\"") && json.is_ascii())
}

/// A Connect token says so: its claims are named `1password.com/…`, or it is for `com.1password.connect`.
fn is_connect(payload: &[u8]) -> bool {
    let Ok(json) = BASE64_URL_SAFE_NO_PAD.decode(payload).map(Zeroizing::new) else { return false };
    let Ok(Value::Object(claims)) = serde_json::from_slice(&json) else { return false };
    let for_connect = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("com.1password."));
    claims.keys().any(|name| name.starts_with("1password.com/"))
        || ["aud", "iss"].iter().filter_map(|name| claims.get(*name)).any(|value| match value {
            Value::Array(all) => all.iter().any(for_connect),
            one => for_connect(one),
        })
}
