//! Fuzzing of what a person types or scans on the worst day.

use super::{Anchor, Input, Share, TypedAnchor, combine, parse_input};
use crate::base::SecretBytes;
use pkeys_bundle::fuzzing::needle::{discreet, each};

/// Identities, the sheet's lines and shares: what is taken is the same when it is given again in its whole form, shares
/// open nothing but the key that they name, and no error repeats what was typed.
pub fn break_glass(bytes: &[u8]) {
    each(bytes, |bytes| {
        let given = SecretBytes::copy_of(bytes);
        match TypedAnchor::take(&given) {
            Err(error) => discreet(&error),
            Ok((TypedAnchor { fleet: Some(fleet), signer: Some(signer) }, _)) => of_anchor(Anchor { fleet, signer }),
            Ok(_) => {}
        }
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

fn of_anchor(anchor: Anchor) {
    let typed = anchor.lines().map(|(label, groups, sum)| format!("{label} {groups} {sum}\n")).concat();
    let (again, rest) = TypedAnchor::take(&SecretBytes::copy_of(typed.as_bytes())).expect("what was printed is read");
    assert_eq!(again, TypedAnchor { fleet: Some(anchor.fleet), signer: Some(anchor.signer) });
    assert!(rest.is_empty());
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
            assert!(shares.iter().all(|share| share.is_of(key.recipient())));
            assert!(shares.len() >= usize::from(shares[0].threshold()));
        }
    }
}
