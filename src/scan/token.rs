//! Tokens whose form says what they are: one table.
//!
//! Patterns are those that the services document, or that gitleaks and GitHub's secret scanning use for them.

use crate::scan::found::{Found, entropy};
use crate::scan::kind::{AGE_KEY, Kind, NIX_SIGNING_KEY, SHARE, WIREGUARD_KEY};
use crate::scan::private_key::is_ed25519_pair;
use age::secrecy::ExposeSecret;
use base64::prelude::{BASE64_STANDARD, Engine};
use regex::bytes::{Regex, RegexSet};
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// A service's tokens.
pub(super) struct Row {
    pub kind: Kind,
    /// Its group 1, where it has one, is the token.
    pattern: &'static str,
    /// What of it may be shown.
    prefix: &'static str,
}

const fn row(name: &'static str, prefix: &'static str, pattern: &'static str, cure: &'static str) -> Row {
    Row { kind: Kind { name, cure }, pattern, prefix }
}

const GITHUB: &str = "on GitHub, Settings, Developer settings: revoke it and make another.";
const SLACK: &str = "on api.slack.com, revoke it (auth.revoke) and install the app again.";

pub(super) static TABLE: [Row; 16] = [
    row("github-token", "gh", r"\b(gh[pousr]_[A-Za-z0-9]{36,255})\b", GITHUB),
    row("github-token", "github_pat_", r"\b(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b", GITHUB),
    row(
        "gitlab-token",
        "gl",
        r"\b(gl(?:pat|rt|dt|ptt|cbt)-[A-Za-z0-9_-]{20,})",
        "on GitLab, under Access tokens: revoke it.",
    ),
    row("slack-token", "xox", r"\b(xox[abeoprs]-(?:\d+-)?[A-Za-z0-9-]{20,})", SLACK),
    row(
        "aws-secret-key",
        "",
        r#"(?i)aws_?-?\.?(?:secret)_?-?(?:access)?_?-?key(?:_id)?["']?\s{0,5}[=:]\s{0,5}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        "in IAM, make the access key inactive, delete it, and make another.",
    ),
    row(
        "tailscale-key",
        "tskey-",
        r"\b(tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]+-[A-Za-z0-9]{16,})",
        "in Tailscale's admin console, under Keys: revoke it, and look for machines that it added.",
    ),
    row("stripe-key", "", r"\b((?:sk|rk)_live_[A-Za-z0-9]{20,})\b", "in Stripe's dashboard, under API keys: roll it."),
    row("npm-token", "npm_", r"\b(npm_[A-Za-z0-9]{36})\b", "revoke it: `npm token revoke`."),
    row("pypi-token", "pypi-", r"\b(pypi-AgE[A-Za-z0-9_-]{50,})", "on PyPI, under Account settings: remove it."),
    row("digitalocean-token", "do", r"\b(do[opr]_v1_[a-f0-9]{64})\b", "in DigitalOcean, under API: delete it."),
    row("vault-token", "hv", r"\b(hv[sb]\.[A-Za-z0-9_-]{90,})", "revoke it: `vault token revoke`."),
    row(
        "sendgrid-key",
        "SG.",
        r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b",
        "in SendGrid, under API keys: delete it.",
    ),
    row(
        "cloudflare-origin-key",
        "v1.0-",
        r"\b(v1\.0-[a-f0-9]{24}-[a-f0-9]{146})\b",
        "in Cloudflare's dashboard, under API tokens: change the Origin CA key.",
    ),
    row("anthropic-key", "sk-ant-", r"\b(sk-ant-(?:api|admin)\d\d-[A-Za-z0-9_-]{80,})", "in its console: delete it."),
    row(
        "openai-key",
        "sk-",
        r"\b(sk-(?:(?:proj|svcacct|admin)-)?[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,100})",
        "in its dashboard: revoke it.",
    ),
    row(
        "google-oauth-secret",
        "GOCSPX-",
        r"\b(GOCSPX-[A-Za-z0-9_-]{28})\b",
        "in Google's console: reset the client secret.",
    ),
];

struct Patterns {
    all: RegexSet,
    each: Vec<Regex>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let rows = || TABLE.iter().map(|row| row.pattern);
    let each = rows().map(|pattern| Regex::new(pattern).expect("right")).collect();
    Patterns { all: RegexSet::new(rows()).expect("right"), each }
});

/// The tokens of the table.
pub(super) fn find(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    for number in PATTERNS.all.matches(bytes) {
        let row = &TABLE[number];
        for captures in PATTERNS.each[number].captures_iter(bytes) {
            let token = captures.get(1).expect("every row has it");
            if is_random(token.as_bytes()) {
                let new = Found::prefixed(&row.kind, token.range(), token.as_bytes(), row.prefix);
                found.push(new.with_digest());
            }
        }
    }
    found
}

/// Documentation's `ghp_xxxxxxxx…` and AWS's `…EXAMPLEKEY` are nobody's.
fn is_random(token: &[u8]) -> bool {
    entropy(token) >= 3.0 && !token.windows(7).any(|window| window.eq_ignore_ascii_case(b"example"))
}

static AGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{50,120}|PKEYS-SHARE-(?:PQ-)?1[02-9AC-HJ-NP-Z]{60,90})\b")
        .expect("right")
});

/// age identities, and shares of break-glass keys; only those whose checksum holds.
pub(super) fn find_age(bytes: &[u8]) -> Vec<Found> {
    let found = |text: regex::bytes::Match| {
        let word = std::str::from_utf8(text.as_bytes()).ok()?;
        let new = |kind, prefix| Found::prefixed(kind, text.range(), text.as_bytes(), prefix);
        if word.starts_with("PKEYS") {
            bech32_holds(word)?;
            return Some(new(&SHARE, "PKEYS-SHARE-1").with_digest());
        }
        if word.starts_with("AGE-SECRET-KEY-PQ") {
            bech32_holds(word)?;
            return Some(new(&AGE_KEY, "AGE-SECRET-KEY-PQ-1").with_digest());
        }
        let identity: age::x25519::Identity = word.parse().ok()?;
        // Parsing takes what it can; writing it again shows that it was this.
        (identity.to_string().expose_secret() == word).then_some(())?;
        let public = identity.to_public().to_string();
        Some(Found { fingerprint: Some(public), ..new(&AGE_KEY, "AGE-SECRET-KEY-1") })
    };
    AGE.find_iter(bytes).filter_map(found).collect()
}

fn bech32_holds(word: &str) -> Option<()> {
    bech32::primitives::decode::CheckedHrpstring::new::<bech32::Bech32>(word).ok().map(|_| ())
}

static WIREGUARD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^[ \t]*(?:PrivateKey|PresharedKey)[ \t]*=[ \t]*([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)")
        .expect("right")
});
static SIGNING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9._-]+:([A-Za-z0-9+/]{86}==)").expect("right"));

/// Keys of WireGuard's configuration files, and those that sign a Nix binary cache.
pub(super) fn find_keys(bytes: &[u8]) -> Vec<Found> {
    let groups = |pattern: &'static Regex| pattern.captures_iter(bytes).filter_map(|captures| captures.get(1));
    let wireguard = groups(&WIREGUARD).filter(|key| is_random(key.as_bytes()));
    let mut found: Vec<_> =
        wireguard.map(|key| Found::prefixed(&WIREGUARD_KEY, key.range(), key.as_bytes(), "").with_digest()).collect();
    for key in groups(&SIGNING) {
        // A signature has the same form; it is no seed with its public half.
        let pair = BASE64_STANDARD.decode(key.as_bytes()).map(Zeroizing::new);
        if pair.is_ok_and(|pair| is_ed25519_pair(&pair)) {
            found.push(Found::prefixed(&NIX_SIGNING_KEY, key.range(), key.as_bytes(), "").with_digest());
        }
    }
    found
}
