//! What is found in one text, with values made up here or by the programs that make such.

use super::*;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};

fn names(text: &str, flavour: Flavour) -> Vec<(&'static str, usize)> {
    look(text.as_bytes(), flavour).found.into_iter().map(|(found, line)| (found.kind.name, line)).collect()
}

/// Letters and digits as a token has them, the same each time.
fn random(length: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[(state >> 33) as usize % 62])
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn tokens_of_the_table() {
    for (token, kind) in [
        (format!("ghp_{}", random(36)), "github-token"),
        (format!("github_pat_{}_{}", random(22), random(59)), "github-token"),
        (format!("glpat-{}", random(20)), "gitlab-token"),
        (format!("xoxb-12345678901-{}", random(24)), "slack-token"),
        (format!("tskey-auth-{}-{}", random(12), random(32)), "tailscale-key"),
        (format!("sk_live_{}", random(24)), "stripe-key"),
        (format!("npm_{}", random(36)), "npm-token"),
        (format!("pypi-AgEIcHlwaS5vcmc{}", random(60)), "pypi-token"),
        (format!("aws_secret_access_key = {}", random(40)), "aws-secret-key"),
        (format!("SG.{}.{}", random(22), random(43)), "sendgrid-key"),
        (
            format!("ops_{}", BASE64_STANDARD.encode(format!(r#"{{"email":"{}","k":1}}"#, random(100)))),
            "1password-service-token",
        ),
    ] {
        for text in [format!("\n{token}\n"), format!("\nx = \"{token}\";"), format!("\nA={token}")] {
            for flavour in [Flavour::Other, Flavour::Nix, Flavour::Env] {
                assert_eq!(names(&text, flavour), [(kind, 2)], "{kind} {flavour:?}");
            }
        }
        let found = look(token.as_bytes(), Flavour::Other).found;
        let secret = &token[token.len() - 12..];
        assert!(!format!("{found:?}").contains(secret), "{kind}");
    }
}

#[test]
fn examples_of_tokens_are_none() {
    for text in [
        format!("ghp_{}", "x".repeat(36)),
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        format!("prefixghp_{}", random(36)),
        format!("ops_{}", random(200)),
        "AKIAIOSFODNN7EXAMPLE".into(),
        "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ".into(),
    ] {
        assert_eq!(names(&text, Flavour::Other), [], "{text}");
    }
}

#[test]
fn only_connects_jwts_count() {
    let jwt = |claims: &str| {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"ES256","typ":"JWT"}"#), part(claims), random(86))
    };
    let connect = r#"{"1password.com/auuid":"x","1password.com/vts":[],"aud":["com.1password.connect"],"iss":"com.1password.b5"}"#;
    assert_eq!(names(&jwt(connect), Flavour::Other), [("1password-connect-token", 1)]);
    assert_eq!(names(&format!("TOKEN={}", jwt(connect)), Flavour::Env), [("1password-connect-token", 1)]);
    assert_eq!(names(&jwt(r#"{"sub":"1234567890","name":"John Doe"}"#), Flavour::Other), []);
}

#[test]
fn credentials_of_a_connect_server_by_contents_and_by_name() {
    let file = format!(
        r#"{{"verifier":{{"salt":"{0}","localHash":"{0}"}},"encCredentials":{{"kid":"localauthkey","enc":"A256GCM",
        "cty":"b5+jwk+json","iv":"{0}","data":"{1}"}},"version":"2","deviceUuid":"x","uniqueKey":{{"alg":"A256GCM",
        "ext":true,"k":"{1}","key_ops":["encrypt","decrypt"],"kty":"oct","kid":"{0}"}}}}"#,
        random(20),
        random(43)
    );
    assert_eq!(names(&file, Flavour::Other), [("1password-credentials", 2)]);
    assert_eq!(names(&BASE64_STANDARD.encode(&file), Flavour::Other), [("1password-credentials", 1)]);
    assert_eq!(names(r#"{"verifier":{},"uniqueKey":{}}"#, Flavour::Credentials), [("1password-credentials", 1)]);
    assert_eq!(names(r#"{"uniqueKey":"ENC[x]","sops":{}}"#, Flavour::Credentials), []);
    assert_eq!(names(r#"{"uniqueKey":{"k":""}}"#, Flavour::Other), []);
}

#[test]
fn keys_that_sign_caches_count_and_signatures_do_not() {
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
    let both = BASE64_STANDARD.encode([&[7; 32][..], &pair.public.0].concat());
    assert_eq!(names(&format!("cache.example.org-1:{both}"), Flavour::Other), [("nix-signing-key", 1)]);
    let signature = BASE64_STANDARD.encode([9; 64]);
    assert_eq!(names(&format!("Sig: cache.nixos.org-1:{signature}"), Flavour::Other), []);
    let wireguard = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n[Peer]\nPublicKey = \
                     xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n";
    assert_eq!(names(wireguard, Flavour::Other), [("wireguard-private-key", 2)]);
}

#[test]
fn markers_without_a_key_are_none() {
    for text in [
        "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
        "if text.starts_with(\"-----BEGIN RSA PRIVATE KEY-----\") { parse(text) }",
        "-----BEGIN PRIVATE KEY-----\nVGhpcyBpcyBubyBrZXksIGJ1dCBhIHNlbnRlbmNlIHRoYXQgc29tZWJvZHkgd3JvdGUu\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----",
        "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBhYmM=\n-----END AGE ENCRYPTED FILE-----",
    ] {
        assert_eq!(names(text, Flavour::Other), [], "{text}");
    }
}

#[test]
fn a_text_that_is_not_utf8_is_looked_through_for_keys_and_said() {
    let mut bytes = format!("{{ a = \"ghp_{}\"; password = \"hunter2\"; }}", random(36)).into_bytes();
    bytes.push(0xff);
    let content = look(&bytes, Flavour::Nix);
    assert_eq!(content.problem, Some(Problem::NotUtf8));
    assert_eq!(content.found.len(), 1);
}
