//! The messages of the agent protocol that `ssh` sends while it logs in (draft-miller-ssh-agent, OpenSSH's
//! PROTOCOL.agent).

use rsa::signature::Verifier;
use ssh_encoding::{Decode, Encode, Reader};
use ssh_key::public::KeyData;
use ssh_key::{Certificate, PublicKey, Signature};
use std::io::{Read, Write};

/// OpenSSH's own limit for a message.
const MAX_MESSAGE: usize = 256 * 1024;

const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const EXTENSION: u8 = 27;
const SESSION_BIND: &[u8] = b"session-bind@openssh.com";
const USERAUTH_REQUEST: u8 = 50;

/// What `ssh` asks of its agent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Which keys it has.
    Identities,
    /// A signature.
    Sign(Sign),
    /// Says whom it talks to.
    Bind(Bind),
    /// Anything else.
    Other,
}

/// A request for a signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sign {
    /// The public key.
    pub key: Vec<u8>,
    /// What is to be signed.
    pub data: Vec<u8>,
    /// Which hash an RSA key is to use.
    pub flags: u32,
}

/// The session that a connection to the agent is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bind {
    /// The host's public key, or certificate.
    pub host_key: Vec<u8>,
    /// The exchange hash of the first key exchange.
    pub session: Vec<u8>,
    /// The host's signature of that.
    pub signature: Vec<u8>,
    /// Whether the agent is forwarded to the host.
    pub forwarding: bool,
}

/// What a user's login request says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoginRequest {
    pub session: Vec<u8>,
    pub user: Vec<u8>,
    pub key: Vec<u8>,
    /// The host key, where the request names it.
    pub host_key: Option<Vec<u8>>,
}

impl Request {
    pub(super) fn parse(body: &[u8]) -> ssh_encoding::Result<Self> {
        let reader = &mut &*body;
        let request = match u8::decode(reader)? {
            REQUEST_IDENTITIES => Self::Identities,
            SIGN_REQUEST => {
                Self::Sign(Sign { key: Vec::decode(reader)?, data: Vec::decode(reader)?, flags: u32::decode(reader)? })
            }
            EXTENSION if Vec::<u8>::decode(reader)? == SESSION_BIND => Self::Bind(Bind {
                host_key: Vec::decode(reader)?,
                session: Vec::decode(reader)?,
                signature: Vec::decode(reader)?,
                forwarding: u8::decode(reader)? != 0,
            }),
            _ => return Ok(Self::Other),
        };
        (*reader).finish(request)
    }
}

impl Bind {
    /// The host's public key, once its signature of this session is verified.
    pub(super) fn proven(&self) -> Option<KeyData> {
        let key = match PublicKey::from_bytes(&self.host_key) {
            Ok(key) if !matches!(key.key_data(), KeyData::Other(_)) => key.key_data().clone(),
            _ => Certificate::from_bytes(&self.host_key).ok()?.public_key().clone(),
        };
        let signature = Signature::try_from(&self.signature[..]).ok()?;
        (!self.session.is_empty() && key.verify(&self.session, &signature).is_ok()).then_some(key)
    }
}

impl LoginRequest {
    /// Parses what a client signs to log in by public key (RFC 4252, section 7); `None` for anything else.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let reader = &mut &*data;
        fn text(reader: &mut &[u8]) -> Option<Vec<u8>> {
            Vec::decode(reader).ok()
        }
        let session = text(reader)?;
        if u8::decode(reader).ok()? != USERAUTH_REQUEST {
            return None;
        }
        let (user, service, method) = (text(reader)?, text(reader)?, text(reader)?);
        let bound = method == b"publickey-hostbound-v00@openssh.com";
        if service != b"ssh-connection" || !(bound || method == b"publickey") || u8::decode(reader).ok()? != 1 {
            return None;
        }
        let _algorithm = text(reader)?;
        let key = text(reader)?;
        let host_key = if bound { Some(text(reader)?) } else { None };
        reader.is_finished().then_some(Self { session, user, key, host_key })
    }
}

/// Reads one message; `None` at the end, or when it is not one.
pub(super) fn read(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let length =
        usize::try_from(u32::from_be_bytes(length)).ok().filter(|length| (1..=MAX_MESSAGE).contains(length))?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok().map(|()| body)
}

/// Writes one message.
pub(super) fn write(stream: &mut impl Write, body: &[u8]) -> Option<()> {
    let length = u32::try_from(body.len()).ok()?;
    stream.write_all(&[&length.to_be_bytes(), body].concat()).ok()
}

pub(super) fn success() -> Vec<u8> {
    vec![SUCCESS]
}

pub(super) fn failure() -> Vec<u8> {
    vec![FAILURE]
}

/// These public keys, without comments.
pub(super) fn identities(keys: &[&[u8]]) -> Option<Vec<u8>> {
    let mut body = vec![IDENTITIES_ANSWER];
    keys.len().encode(&mut body).ok()?;
    for key in keys {
        key.encode(&mut body).ok()?;
        "".encode(&mut body).ok()?;
    }
    Some(body)
}

/// A signature.
pub(super) fn signed(signature: &Signature) -> Option<Vec<u8>> {
    let mut body = vec![SIGN_RESPONSE];
    signature.encode_prefixed(&mut body).ok()?;
    Some(body)
}
