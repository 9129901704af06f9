//! Fuzzing of what a person types or scans on the worst day.

use super::{Input, Share, combine, parse_input};
use crate::base::SecretBytes;
use crate::fuzzing::{discreet, each};

/// Identities, the sheet's lines and shares: what is taken is the same when it is given again in its whole form, shares
/// open nothing but the key that they name, and no error repeats what was typed.
pub fn break_glass(bytes: &[u8]) {
    each(bytes, |bytes| {
        let given = SecretBytes::copy_of(bytes);
        match parse_input(&given) {
            Err(error) => discreet(&error),
            Ok(Input::Locked(file)) => assert_eq!(file, given),
            Ok(Input::Identity(key)) => match parse_input(key.text()) {
                Ok(Input::Identity(again)) => assert_eq!(again.text(), key.text()),
                other => panic!("{other:?}"),
            },
            Ok(Input::Shares(shares)) => of_shares(&shares),
        }
    });
}

fn of_shares(shares: &[Share]) {
    for share in shares {
        let again = Share::parse(share.text().expose_str().expect("it is ASCII")).expect("what was written is read");
        assert_eq!(again.text(), share.text());
        assert!(share.number() > 0 && share.threshold() >= 2 && share.count() >= share.threshold());
    }
    match combine(shares) {
        Err(error) => discreet(&error),
        Ok(key) => {
            assert!(shares.iter().all(|share| share.fingerprint() == key.fingerprint()));
            assert!(shares.len() >= usize::from(shares[0].threshold()));
        }
    }
}
