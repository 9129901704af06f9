use super::*;
use proptest::prelude::*;

fn key() -> BreakGlassIdentity {
    BreakGlassIdentity::generate().unwrap()
}

fn again(share: &Share) -> Share {
    Share::parse(share.text().expose_str().unwrap()).unwrap()
}

#[test]
fn any_three_of_five_open_it_and_no_two_do() {
    for key in [key(), BreakGlassIdentity::generate_post_quantum().unwrap()] {
        any_three_of_five(&key);
    }
}

fn any_three_of_five(key: &BreakGlassIdentity) {
    let shares = split(key, 3, 5).unwrap();
    for chosen in 1_u32..32 {
        let some: Vec<_> = (0..5).filter(|bit| chosen >> bit & 1 == 1).map(|bit| again(&shares[bit])).collect();
        match combine(&some) {
            Ok(found) => assert!(some.len() >= 3 && found.text() == key.text()),
            Err(error) => {
                assert!(some.len() < 3, "{error:?}");
                assert!(error.message().ends_with("and 3 are needed"), "{error:?}");
            }
        }
    }
}

#[test]
fn what_is_too_few_is_too_few_also_for_the_mathematics() {
    let key = key();
    let shares = split(&key, 3, 5).unwrap();
    assert!(interpolate(&[&shares[0], &shares[3]]).is_none());
    assert!(interpolate(&[&shares[0], &shares[3], &shares[4]]).is_some());
}

/// `split(bytes(range(32)), 5, 3)` of pyshamir 1.1.0, a port of HashiCorp Vault's `shamir`: x, and the 32 y.
const OF_VAULT: [(u8, &str); 3] = [
    (253, "2608c29babab5272f1d0d7ea1a5fbede7e9585e3689c53c15fbefef22b918dd7"),
    (12, "2de1e506016d5839496bbfa7498f49cf314812855843c3a1108554d1a16faed8"),
    (112, "6705e30703c2714d733044284a5d2d0a69fb588628a654ab0fc1ec939562a5ac"),
];

#[test]
fn shares_made_by_vaults_implementation_are_combined() {
    let byte = |hex: &str, at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let key = BreakGlassIdentity::from_scalar(&(0..32).collect::<Vec<_>>(), false).unwrap();
    let share = |(x, y): &(u8, &str)| {
        let point: Vec<_> = [*x].into_iter().chain((0..64).step_by(2).map(|at| byte(y, at))).collect();
        Share::new(&key, 3, 5, &point).unwrap()
    };
    let shares: Vec<_> = OF_VAULT.iter().map(share).collect();
    assert_eq!(combine(&shares).unwrap().text(), key.text());
}

#[test]
fn a_foreign_share_is_named_whichever_comes_first() {
    let shares = split(&key(), 2, 3).unwrap();
    let other = split(&key(), 2, 3).unwrap();
    for given in [[&other[2], &shares[0], &shares[1]], [&shares[0], &shares[1], &other[2]]] {
        let error = combine(&given.map(again)).unwrap_err();
        assert!(error.message().starts_with("share 3 is of another splitting"), "{error:?}");
        assert!(error.message().contains(&other[2].fingerprint()), "{error:?}");
    }
}

#[test]
fn the_same_share_twice_is_said() {
    let shares = split(&key(), 3, 5).unwrap();
    let error = combine(&[again(&shares[1]), again(&shares[2]), again(&shares[1])]).unwrap_err();
    assert_eq!(error.message(), "share 2 was given twice");
}

#[test]
fn shares_of_two_splittings_of_one_key_are_told_apart() {
    let key = key();
    let (one, two) = (split(&key, 2, 4).unwrap(), split(&key, 2, 4).unwrap());
    let error = combine(&[again(&one[0]), again(&two[1])]).unwrap_err();
    assert_eq!(error.message(), "these shares do not fit together");
    let error = combine(&[again(&one[0]), again(&two[1]), again(&one[2])]).unwrap_err();
    assert_eq!(error.message(), "share 2 does not fit the others");
    let error = combine(&[again(&one[0]), again(&one[1]), again(&two[1])]).unwrap_err();
    assert_eq!(error.message(), "share 2 is there in two forms that differ");
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let key = key();
    for (threshold, count) in [(0, 0), (1, 3), (4, 3), (2, 17), (2, 1)] {
        assert!(split(&key, threshold, count).unwrap_err().next_step().is_some(), "{threshold}-of-{count}");
    }
    assert!(combine(&[]).is_err());
}

#[test]
fn debug_prints_no_value() {
    let shares = split(&key(), 2, 2).unwrap();
    assert_eq!(format!("{:?}", shares[1]), format!("[share 2 of 2 of {}]", shares[1].fingerprint()));
}

proptest! {
    #[test]
    fn any_damage_to_a_share_is_found(at in 0..82_usize, new in "[A-Z0-9]") {
        let key = BreakGlassIdentity::from_scalar(&[9; 32], false).unwrap();
        let share = Share::new(&key, 2, 3, &[5; 33]).unwrap();
        let mut text = share.text().expose_str().unwrap().to_owned();
        prop_assert_eq!(text.len(), 82);
        prop_assume!(text[at..=at] != new);
        text.replace_range(at..=at, &new);
        prop_assert!(Share::parse(&text).is_err());
    }

    #[test]
    fn any_that_suffice_find_the_key_and_one_fewer_do_not(
        scalar in any::<[u8; 32]>(),
        (threshold, order) in (2..6_u8, 0..4_u8).prop_flat_map(|(k, more)| (Just(k), Just((0..k + more).collect::<Vec<_>>()).prop_shuffle())),
    ) {
        let key = BreakGlassIdentity::from_scalar(&scalar, false).unwrap();
        let count = u8::try_from(order.len()).unwrap();
        let shares = split(&key, threshold, count).unwrap();
        let chosen: Vec<_> = order.iter().take(threshold.into()).map(|at| again(&shares[usize::from(*at)])).collect();
        prop_assert!(combine(&chosen).unwrap().text() == key.text());
        let fewer: Vec<_> = chosen[1..].iter().collect();
        prop_assert!(fewer.len() < 2 || interpolate(&fewer).is_none());
        prop_assert!(combine(&fewer.into_iter().map(again).collect::<Vec<_>>()).is_err());
    }
}
