use super::*;
use age::{Identity as _, Recipient as _};

fn pair() -> (Identity, Recipient) {
    let identity = Identity::parse(generate().expose_str().unwrap()).unwrap();
    let recipient = Recipient::parse(&identity.to_public().to_string()).unwrap();
    (identity, recipient)
}

fn sealed(recipient: &Recipient) -> Stanza {
    let (mut stanzas, labels) = recipient.wrap_file_key(&FileKey::new(Box::new([7; 16]))).unwrap();
    assert_eq!(labels, HashSet::from(["postquantum".to_owned()]));
    assert_eq!(stanzas.len(), 1);
    stanzas.remove(0)
}

fn with(argument: &[u8], stanza: &Stanza) -> Stanza {
    let args = vec![BASE64_STANDARD_NO_PAD.encode(argument)];
    Stanza { tag: TAG.into(), args, body: stanza.body.clone() }
}

#[test]
fn the_key_of_the_specification_has_the_recipient_of_the_specification() {
    // https://c2sp.org/age: identity, and the start and end of its recipient.
    let text = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR";
    let public = Identity::parse(text).unwrap().to_public().to_string();
    assert!(
        public.starts_with("age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87pzf5zrqtzdxz95paef6caq5aapd")
    );
    assert!(public.ends_with("ze9pyyzk3tlhl53k2ykx3qheyty7saeq0d3fzv49zc0k"), "{public}");
    assert_eq!(public.len(), CHARACTERS);
}

#[test]
fn what_is_wrapped_is_unwrapped_by_its_own_identity_and_by_no_other() {
    let (identity, recipient) = pair();
    let stanza = sealed(&recipient);
    assert_eq!(identity.unwrap_stanza(&stanza).unwrap().ok().unwrap().expose_secret(), &[7; 16]);
    assert!(pair().0.unwrap_stanza(&stanza).is_none());
    let (other, both) = (pair(), |stanza| [sealed(&pair().1), stanza]);
    assert!(other.0.unwrap_stanzas(&both(sealed(&other.1))).unwrap().is_ok());
}

#[test]
fn every_flipped_byte_of_a_stanza_is_refused() {
    let (identity, recipient) = pair();
    let stanza = sealed(&recipient);
    let encapsulated = BASE64_STANDARD_NO_PAD.decode(&stanza.args[0]).unwrap();
    assert_eq!((encapsulated.len(), stanza.body.len()), (1120, 32));
    for place in 0..encapsulated.len() {
        let mut wrong = encapsulated.clone();
        wrong[place] ^= 1;
        assert!(identity.unwrap_stanza(&with(&wrong, &stanza)).is_none(), "byte {place} of the argument");
    }
    for place in 0..stanza.body.len() {
        let mut wrong = with(&encapsulated, &stanza);
        wrong.body[place] ^= 1;
        assert!(identity.unwrap_stanza(&wrong).is_none(), "byte {place} of the body");
    }
}

#[test]
fn a_stanza_of_another_shape_makes_the_header_invalid() {
    let (identity, recipient) = pair();
    let stanza = sealed(&recipient);
    let encapsulated = BASE64_STANDARD_NO_PAD.decode(&stanza.args[0]).unwrap();
    let invalid = |stanza: &Stanza| matches!(identity.unwrap_stanza(stanza), Some(Err(DecryptError::InvalidHeader)));
    let mut shapes =
        vec![with(&encapsulated[1..], &stanza), with(&[&encapsulated[..], &[0]].concat(), &stanza), with(b"", &stanza)];
    let args = |args: &[&str]| Stanza {
        tag: TAG.into(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        body: stanza.body.clone(),
    };
    shapes.push(args(&[]));
    shapes.push(args(&[&stanza.args[0], "x"]));
    shapes.push(args(&[&format!("{}=", stanza.args[0])]));
    shapes.push(args(&["!"]));
    for body in [&stanza.body[1..], &[&stanza.body[..], &[0; 8]].concat()] {
        shapes.push(Stanza { body: body.to_vec(), ..args(&[&stanza.args[0]]) });
    }
    // A point of low order: zero.
    shapes.push(with(&[&encapsulated[..1088], &[0; 32]].concat(), &stanza));
    for (number, shape) in shapes.iter().enumerate() {
        assert!(invalid(shape), "shape {number}");
    }
    let other = Stanza { tag: "MLKEM768X25519".into(), ..args(&[]) };
    assert!(identity.unwrap_stanza(&other).is_none());
}

#[test]
fn what_is_no_key_is_said_and_not_repeated() {
    let (_, recipient) = pair();
    let text = recipient.to_string();
    let swap = |at: usize| {
        let new = if &text[at..=at] == "q" { "p" } else { "q" };
        format!("{}{new}{}", &text[..at], &text[at + 1..])
    };
    // Coefficients of ML-KEM are below 3329; these are 4095.
    let strange = bech32::encode(RECIPIENT, &[0xff; 1216]);
    for (text, says) in [
        (text[..1000].to_owned(), "has 1000 characters, and not 1959"),
        (swap(1000), "its checksum does not hold"),
        (strange.expose_str().unwrap().to_owned(), "is no key of ML-KEM-768 and X25519"),
    ] {
        let error = Recipient::parse(&text).err().unwrap();
        assert!(error.message().contains(says), "{error:?}");
        assert!(error.next_step().is_some() && !format!("{error:?}").contains(&text[20..60]), "{error:?}");
    }
    let key = generate();
    let key = key.expose_str().unwrap();
    assert!(Identity::parse(&key[..key.len() - 1]).is_none());
    assert!(Identity::parse(&key.replace("-PQ-", "-")).is_none());
}
