//! Where private halves of user keys are kept: in 1Password through Connect, and in local age files.

mod age;
mod age_faults;
mod items;
mod refusals;
mod troubles;

use pkeys::base::{KeyLabel, Result, SecretBytes, UserName};
use pkeys::source::{KeptKey, KeyPlace, KeyRecord};
use ssh_key::{Algorithm, LineEnding, PrivateKey};

fn place() -> KeyPlace {
    KeyPlace { user: UserName::new("ann").unwrap(), label: KeyLabel::new("laptop").unwrap() }
}

/// A key that is the same for the same number.
fn key(number: u8) -> KeptKey {
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&[number; 32]);
    let mut private = PrivateKey::from(pair);
    private.set_comment(format!("ann key {number}"));
    assert_eq!(private.algorithm(), Algorithm::Ed25519);
    KeptKey {
        private: SecretBytes::copy_of(private.to_openssh(LineEnding::LF).unwrap().as_bytes()),
        public: private.public_key().to_openssh().unwrap(),
        created: format!("2026-07-{number:02}T00:00:00Z"),
    }
}

/// A record of the keys with these numbers; 0 is none.
fn record(current: u8, previous: u8, archived: u8) -> KeyRecord {
    let kept = |number: u8| (number > 0).then(|| key(number));
    KeyRecord {
        current: kept(current),
        previous: kept(previous),
        archived: kept(archived).map(|key| (key, "2026-09-01".into())),
    }
}

/// The steps of two rotations, an abort, and the end.
const ROTATION: [(u8, u8, u8); 9] =
    [(1, 0, 0), (2, 1, 0), (2, 0, 1), (2, 0, 1), (3, 2, 1), (2, 3, 1), (2, 0, 3), (0, 0, 3), (0, 0, 0)];

/// An error's two texts, once it is known that none of our keys stands in them.
#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T>, message: &str, hint: &str) {
    let error = answer.expect_err("an error");
    let all = format!("{}\n{}", error.message(), error.next_step().unwrap_or_default());
    for number in 1..10 {
        let private = key(number).private;
        let lines = private.expose_str().unwrap().lines().filter(|line| !line.starts_with("-----"));
        lines.for_each(|line| assert!(!all.contains(line), "{all}"));
    }
    assert!(error.message().contains(message) && error.next_step().unwrap_or_default().contains(hint), "{all}");
}
