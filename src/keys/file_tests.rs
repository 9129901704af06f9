use super::*;

const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw";
const TWO: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

fn sample() -> String {
    format!(
        "{HEADING}\n[[key]]\nuser = \"ann\"\nlabel = \"laptop\"\nstate = \"pending\"\npublic = \"{TWO} ann laptop\"\n\
         added = 2026-11-23\nprivate = \"op://Private/ssh ann laptop/private key\"\nproven = [\"db\", \"web\"]\n\n\
         [[key]]\nuser = \"ann\"\nlabel = \"laptop\"\nstate = \"active\"\npublic = \"{ONE}\"\n\
         options = 'from=\"10.0.0.0/8\"'\nadded = 2026-01-02\nhosts = [\"web\", \"tag:server\"]\n"
    )
}

fn parsed(text: &str) -> Result<UserKeys> {
    UserKeys::parse(text).map(|(keys, _)| keys)
}

#[test]
fn a_file_comes_back_byte_for_byte() {
    let keys = parsed(&sample()).unwrap();
    assert_eq!(keys.to_text(), sample());
    let lines: Vec<_> = UserKeys::parse(&sample()).unwrap().1.iter().map(|(_, line)| *line).collect();
    assert_eq!(lines, [5, 14]);
    assert_eq!(parsed("version = 1").unwrap(), UserKeys::default());
}

#[test]
fn mistakes_name_the_line_and_repeat_no_value() {
    let text = sample();
    for (from, to, message, hint) in [
        ("user = \"ann\"", "usr = \"hunter2\"", "keys.toml:6: unknown key `usr`", "did you mean `user`?"),
        ("added = 2026-11-23", "", "keys.toml:5: missing field `added`", "docs/keys.md"),
        ("2026-11-23", "\"hunter2\"", "keys.toml:10: ", "docs/keys.md"),
        ("2026-11-23", "2026-11-23T00:00:00Z", "keys.toml:10: that is not a date", "docs/keys.md"),
        (TWO, "ssh-ed25519 hunter2", "keys.toml:9: that is not an SSH public key", "docs/keys.md"),
        (TWO, "-----BEGIN OPENSSH PRIVATE KEY-----hunter2", "keys.toml:9: that is a private key", "docs/keys.md"),
        ("\"pending\"", "\"hunter2\"", "keys.toml:8: expected one of `pending`", "docs/keys.md"),
        ("from=", "form=", "keys.toml:19: an option is none that sshd knows", "docs/keys.md"),
        ("op://Private/ssh ann laptop/private key", "hunter2", "keys.toml:11: that is not a reference", "docs/keys.md"),
        ("version = 1", "version = 2", "keys.toml has a version that is not 1", "update it"),
        ("\"pending\"", "\"active\"", "keys.toml:14: ann laptop has an active key already", "another label"),
        (TWO, ONE, "keys.toml:14: ann laptop and ann laptop are the same", "once for each user"),
        ("version", "<<<<<<< hunter2", "keys.toml:3: not valid TOML", "docs/keys.md"),
    ] {
        let error = parsed(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.message().starts_with(message), "{to}: {error:?}");
        assert!(error.next_step().is_some_and(|h| h.contains(hint)), "{to}: {error:?}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn changes_that_could_not_stand_together_change_nothing() {
    let (user, label) = (UserName::new("ann").unwrap(), KeyLabel::new("laptop").unwrap());
    let mut keys = parsed(&sample()).unwrap();
    let before = keys.clone();
    let active = keys.find(&user, &label, State::Active).unwrap().clone();
    assert!(keys.add(active.clone()).is_err());
    assert!(keys.change(&user, &label, State::Pending, |key| key.public = active.public.clone()).is_err());
    assert!(keys.prove(&user, &label, State::Pending, &HostName::new("mail").unwrap()).is_ok());
    assert_eq!(keys.find(&user, &label, State::Pending).unwrap().proven.len(), 3);
    keys = before.clone();
    keys.promote(&user, &label).unwrap();
    assert!(keys.find(&user, &label, State::Active).unwrap().public.to_string().starts_with(TWO));
    assert!(keys.find(&user, &label, State::Retiring).unwrap().public.is_same_key(&active.public));
    let promoted = keys.clone();
    assert!(keys.promote(&user, &label).is_err());
    assert_eq!(keys, promoted);
    // A key for one host only is for none when the host is gone, never for all.
    let mut keys = before;
    assert!(keys.forget_host(&HostName::new("web").unwrap()));
    let key = keys.find(&user, &label, State::Active).unwrap();
    assert_eq!(key.hosts.as_ref().unwrap().len(), 1);
}

#[test]
fn a_key_is_due_by_its_age_and_its_users_period() {
    let keys = parsed(&sample()).unwrap();
    let every = Some(crate::manifest::Period { days: 90 });
    let [pending, active] = keys.all() else { panic!() };
    assert_eq!(active.due(every).unwrap().to_string(), "2026-04-02");
    assert_eq!((active.due(None), pending.due(every)), (None, None));
    assert_eq!(active.age(Date::constant(2027, 1, 2)), 365);
    assert!(pending.is_rotatable() && !active.is_rotatable());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_keys_are_read_as_they_were_written(
        all in proptest::collection::vec(
            (
                ("[a-z][a-z0-9-]{0,5}", "[A-Za-z0-9][A-Za-z0-9._-]{0,9}", proptest::sample::select(vec![State::Pending, State::Active, State::Retiring])),
                ("[ -~]{0,20}", proptest::option::of("(restrict|from=\"[a-z0-9.*,/' ]{0,12}\"|no-pty,command=\"[a-z '#]{0,12}\")")),
                (1970..2200_i16, 1..=12_i8, 1..=28_i8),
                proptest::option::of("op://[a-z ]{0,5}[a-z]/[a-z]{1,5}/[a-z]{1,5}"),
                proptest::option::of(proptest::collection::vec("([*]|tag:[a-z]{1,5}|[a-z]{1,5})", 0..3)),
                proptest::collection::btree_set("[a-z]{1,5}", 0..3),
            ),
            0..6,
        ),
    ) {
        let mut keys = UserKeys::default();
        for (number, ((user, label, state), (comment, options), (y, m, d), private, hosts, proven)) in all.into_iter().enumerate() {
            let pair = ssh_key::private::Ed25519Keypair::from_seed(&[u8::try_from(number).unwrap(); 32]);
            let key = UserKey {
                user: UserName::new(user).unwrap(),
                label: KeyLabel::new(label).unwrap(),
                state,
                public: PublicHalf::of(&ssh_key::PrivateKey::from(pair), &comment).unwrap(),
                options: options.map(|text| text.parse().unwrap()),
                added: Date::new(y, m, d).unwrap(),
                private: private.map(|text| Reference::parse(&text).unwrap()),
                hosts: hosts.map(|all| all.into_iter().map(|text| Selector::try_from(text).unwrap()).collect()),
                proven: proven.into_iter().map(|name| HostName::new(name).unwrap()).collect(),
                revoked: BTreeSet::new(),
            };
            // Two of one name and state cannot stand together.
            let _ = keys.add(key);
        }
        let text = keys.to_text();
        proptest::prop_assert_eq!(&parsed(&text).unwrap(), &keys);
        proptest::prop_assert_eq!(parsed(&text).unwrap().to_text(), text);
    }
}
