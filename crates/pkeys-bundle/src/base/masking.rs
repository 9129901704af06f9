//! Secrets that were given as arguments: whatever refuses them, they are not repeated on the screen or in a log.

use crate::base::printable;
use std::borrow::Cow;
use std::sync::LazyLock;

/// What begins a secret, whatever follows.
const BEGINNINGS: [&str; 24] = [
    "ops_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "glrt-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "tskey-",
    "sk_live_",
    "rk_live_",
    "sk-ant-",
    "npm_",
    "pypi-",
    "hvs.",
    "hvb.",
    "SG.",
    "eyJ",
    "AKIA",
];
/// What is in one, in capitals.
const PARTS: [&str; 5] = ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "PKEYS-SHARE-", "PRIVATE KEY", "-----BEGIN"];
/// Public keys and fingerprints, which are long and look random too.
const PUBLIC: [&str; 6] = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-", "age1", "SHA256:"];
/// A run of this many letters of base64 is random if it has all kinds of them, or of this many hexadecimal digits.
const BASE64_RUN: usize = 20;
const HEX_RUN: usize = 32;
/// Shorter pieces of an argument are not looked for: they would mask words of the message.
const SHORTEST: usize = 6;

/// Whether an argument may be a secret: a private key, a token of a known form, or a long random word.
pub fn looks_secret(argument: &str) -> bool {
    let upper = argument.to_ascii_uppercase();
    if PARTS.iter().any(|part| upper.contains(part)) {
        return true;
    }
    if PUBLIC.iter().any(|start| argument.trim_start().starts_with(start)) {
        return false;
    }
    let words = argument.split(|c: char| !(c.is_ascii_alphanumeric() || "+_-.=".contains(c)));
    words.into_iter().any(|word| {
        let word = word.split_once('=').filter(|(name, _)| name.starts_with("--")).map_or(word, |(_, value)| value);
        BEGINNINGS.iter().any(|start| word.strip_prefix(start).is_some_and(|rest| rest.len() >= SHORTEST))
            || word.split(['.', '_', '-', '=']).any(is_random)
    })
}

/// Keys, hashes and generated passwords, in base64 or hexadecimal.
fn is_random(run: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| run.as_bytes().iter().any(kind);
    let hex = run.len() >= HEX_RUN && run.bytes().all(|b| b.is_ascii_hexdigit()) && has(u8::is_ascii_digit);
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    hex || run.len() >= BASE64_RUN && mixed
}

/// The arguments of a command line that look like secrets.
#[derive(Debug, Default)]
pub struct Masks(Vec<String>);

impl Masks {
    /// Picks them out of all arguments.
    pub fn of<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut pieces = Vec::new();
        for argument in arguments {
            let argument = argument.as_ref();
            if looks_secret(argument) {
                // What a parser makes of it: all of it, what is around its first `=`, and each line.
                let (before, after) = argument.split_once('=').unwrap_or((argument, ""));
                let all = [argument, before, after, before.trim_start_matches('-')].into_iter().chain(argument.lines());
                pieces.extend(all.filter(|piece| looks_secret(piece) || argument.contains('\n')).map(str::to_owned));
            }
        }
        pieces.retain(|piece| piece.len() >= SHORTEST);
        // The longest first: a piece may be a part of another.
        pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
        pieces.dedup();
        Self(pieces)
    }

    /// Whether there is one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces each by `…`.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for piece in self.0.iter().filter(|piece| !piece.is_empty()) {
            if text.contains(piece) {
                text = Cow::Owned(text.replace(piece, "…"));
            }
        }
        text
    }
}

/// The arguments of this process that look like secrets.
pub fn of_this_process() -> &'static Masks {
    static OWN: LazyLock<Masks> = LazyLock::new(|| {
        Masks::of(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()))
    });
    &OWN
}

/// A text as both programs print it: without what misleads a terminal, and without this process's arguments that look like
/// secrets. JSON keeps its meaning.
pub fn shown(text: &str) -> String {
    printable(&of_this_process().mask(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_look_secret_and_names_paths_and_public_keys_do_not() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----";
        let github = format!("ghp_{}", "a".repeat(36));
        for secret in [
            key,
            "age-secret-key-1qqq",
            "AGE-PLUGIN-YUBIKEY-1QQQQ",
            "PKEYS-SHARE-1QQ",
            &github,
            "ops_eyJzaWduSW5B",
            "--token=eyJhbGciOiJFUzI1NiJ9.eyJ9.x",
            "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
            "x=Zm9vYmFyMTIzNDU2Nzg5MEFC",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
        for plain in [
            "web",
            "tailscale-auth-key",
            "a-rather-long-name-of-a-secret-of-a-host-2",
            "op://vault/item/field",
            "/home/ann/Work9/ProjectX/Secrets/of/The7Company",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO",
            "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqq",
            "SHA256:uNiVztksCsDhcc0u9e8BrLLXMUlGH6BrdP0XvXXcXXX",
            "--recipient",
            "root@web.example.org",
            "http://127.0.0.1:8080",
            "abcdefghijklmnopqrstuvwxyz",
        ] {
            assert!(!looks_secret(plain), "{plain}");
        }
    }

    #[test]
    fn whatever_a_parser_cuts_off_is_masked() {
        let masks = Masks::of(["--recipient=AGE-SECRET-KEY-1HUNTER2", "web"]);
        assert_eq!(masks.mask("bad 'AGE-SECRET-KEY-1HUNTER2' for web"), "bad '…' for web");
        let masks = Masks::of(["-----BEGIN X PRIVATE KEY-----\nHUNTER2==\n-----END X PRIVATE KEY-----"]);
        let said = masks.mask("no '-----BEGIN X PRIVATE KEY-----\nHUNTER2' and HUNTER2== and HUNTER2");
        assert!(!said.contains("HUNTER2=="), "{said}");
        assert!(Masks::of(["web", "--json"]).is_empty());
    }
}
