//! The kinds of things that do not belong in git, and what to do about each.

/// A kind of secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name: in the output, in JSON and in the allow-list. Stable.
    pub name: &'static str,
    /// What to do about one that was found, as one sentence.
    pub cure: &'static str,
}

/// A private key in OpenSSH's own format.
pub static SSH_KEY: Kind = Kind { name: "ssh-private-key", cure: SSH_CURE };
/// A private key in PEM: PKCS#1, SEC1 or PKCS#8.
pub static PEM_KEY: Kind = Kind { name: "pem-private-key", cure: PEM_CURE };
/// An OpenPGP private key.
pub static PGP_KEY: Kind =
    Kind { name: "pgp-private-key", cure: "revoke it, publish the revocation, and make a new one." };
/// An age identity.
pub static AGE_KEY: Kind = Kind { name: "age-secret-key", cure: AGE_CURE };
/// A share of a break-glass key.
pub static SHARE: Kind =
    Kind { name: "break-glass-share", cure: "replace the key that it is a share of: `pkeys break-glass rotate`." };
/// A WireGuard private key.
pub static WIREGUARD_KEY: Kind = Kind {
    name: "wireguard-private-key",
    cure: "make a new one (`wg genkey`), keep it with `pkeys secret set`, and give its public half to the peers.",
};
/// A key that signs a Nix binary cache.
pub static NIX_SIGNING_KEY: Kind = Kind {
    name: "nix-signing-key",
    cure: "make a new one (`nix key generate-secret`), and take the old public half out of trusted-public-keys.",
};
/// A 1Password service account's token.
pub static SERVICE_TOKEN: Kind = Kind {
    name: "1password-service-token",
    cure: "in 1Password, under Developer, rotate the service account's token; then look at its report of usage.",
};
/// A 1Password Connect token.
pub static CONNECT_TOKEN: Kind = Kind {
    name: "1password-connect-token",
    cure: "in 1Password, revoke the token of that Connect server and make another; then `pkeys login`.",
};
/// The file that a 1Password Connect server starts with.
pub static CREDENTIALS: Kind = Kind {
    name: "1password-credentials",
    cure: "in 1Password, make a new Connect server with new tokens, and delete this one.",
};
/// A password in plain text in Nix.
pub static NIX_PASSWORD: Kind = Kind {
    name: "nix-password",
    cure: "change it where it is used; keep the new one with `pkeys secret set` and read it from a file (passwordFile).",
};
/// A password's hash in Nix.
pub static NIX_HASH: Kind = Kind {
    name: "nix-password-hash",
    cure: "it can be guessed at leisure: change the password, keep the hash with `pkeys secret set`, and name it in \
           hashedPasswordFile.",
};
/// Another secret as a literal in Nix.
pub static NIX_SECRET: Kind = Kind {
    name: "nix-secret",
    cure: "replace it where it is used; keep the new one with `pkeys secret set` and read it from a file.",
};
/// A secret in a file of environment variables.
pub static ENV_SECRET: Kind = Kind {
    name: "env-secret",
    cure: "replace it where it is used; keep the new one with `pkeys secret set`, and the file in .gitignore.",
};

const SSH_CURE: &str = "take it out of every authorized_keys and make a new one: `pkeys rotate USER`; put its fingerprint into \
                        policies/leaked-keys.txt, so that no host is given it again. A host's own key: `pkeys host compromised NAME`.";
const PEM_CURE: &str = "make a new one, revoke the certificates of the old one, and take it out of where it is trusted; an \
                        SSH key: `pkeys rotate USER`.";
const AGE_CURE: &str = "make a new one, encrypt again what it opens (`pkeys secret rekey`, `pkeys render`), and change those \
                        secrets too: old ciphertext stays readable.";

static OWN: [&Kind; 14] = [
    &SSH_KEY,
    &PEM_KEY,
    &PGP_KEY,
    &AGE_KEY,
    &SHARE,
    &WIREGUARD_KEY,
    &NIX_SIGNING_KEY,
    &SERVICE_TOKEN,
    &CONNECT_TOKEN,
    &CREDENTIALS,
    &NIX_PASSWORD,
    &NIX_HASH,
    &NIX_SECRET,
    &ENV_SECRET,
];

impl Kind {
    /// All kinds there are.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        OWN.into_iter().chain(super::token::TABLE.iter().map(|row| &row.kind))
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|kind| kind.name == name)
    }
}
