//! One request at a time; GETs with their retries. Knows HTTP and nothing of vaults and items.
//!
//! The token goes to one address only: redirects are not followed, proxies of the environment are not used. The HTTP
//! library keeps buffers of its own; that they are wiped when freed is the business of the program's allocator.

use super::address::Address;
use super::body::{Outgoing, read_all};
use super::model::Refusal;
use super::problem::{self, Failed};
use super::{Policy, Settings};
use crate::base::{Error, Result, SecretBytes, files};
use rand_core::{OsRng, RngCore};
use reqwest::Method;
use reqwest::blocking::{Body as Sent, ClientBuilder, Response};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The header that tells Connect from whatever else may answer.
const VERSION: &str = "1password-connect-version";
/// The largest error answer that is looked at.
const ERROR_LIMIT: usize = 64 * 1024;
/// The largest file of CA certificates.
const CA_LIMIT: usize = 4 * 1024 * 1024;

/// What a body turned out to be.
pub(super) enum Body<T> {
    /// What was asked for.
    Good(T),
    /// It ended too early.
    CutShort,
    /// Nothing that Connect sends; says what is odd about it.
    Strange(&'static str),
}

/// A connection to one Connect server.
pub(super) struct Client {
    http: reqwest::blocking::Client,
    address: Address,
    policy: Policy,
    timeout: Duration,
    health: Mutex<Health>,
}

/// What the requests of late say of the server as a whole.
#[derive(Default)]
struct Health {
    /// The failure after which no request is worth sending.
    gone: Option<Failed>,
    /// How many requests in a row were given up.
    in_vain: u32,
}

/// An answer with status 200.
pub(super) struct Answer {
    pub(super) body: SecretBytes,
    /// Whether it carries Connect's version.
    pub(super) of_connect: bool,
}

impl Client {
    pub(super) fn new(settings: &Settings, address: Address) -> Result<Self> {
        // Ours is the ring provider; an error only says that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization(&settings.token)?);
        let builder = reqwest::blocking::Client::builder()
            .user_agent(concat!("pkeys/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout);
        let builder = trusting(builder, &address, settings.ca_file.as_deref())?;
        let http = builder.build().map_err(|_| {
            Error::new("TLS could not be set up: the system has no CA certificates that could be read")
                .hint("install the system's CA certificates, or trust one: `pkeys login --ca-file FILE`")
        })?;
        Ok(Self { http, address, policy: settings.retry, timeout: settings.timeout, health: Mutex::default() })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Lets a server that was given up be asked again.
    pub(super) fn forget(&self) {
        *self.health() = Health::default();
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a request that was given up. A server that fails at one after the other is given up as a whole: else
    /// each of a thousand items would be asked for as often as one.
    fn given_up(&self, problem: Failed) -> Failed {
        let mut health = self.health();
        if problem.may_concern_all() {
            health.in_vain += 1;
        }
        if health.gone.is_none() {
            health.gone = if problem.concerns_all() {
                Some(problem.clone())
            } else {
                (health.in_vain >= self.policy.in_vain).then(|| problem::all_in_vain(health.in_vain, &problem))
            };
        }
        problem
    }

    /// Gets `path`, at most `limit` bytes, and makes it into something with `read`. `asked` says in words what it is.
    pub(super) fn get<T>(
        &self,
        path: &str,
        asked: &str,
        limit: usize,
        read: impl Fn(Answer) -> Body<T>,
    ) -> std::result::Result<T, Failed> {
        let begin = Instant::now();
        let mut failed = 0;
        loop {
            if let Some(gone) = self.health().gone.clone() {
                return Err(gone);
            }
            let problem = match self.attempt(path, asked, limit).map(&read) {
                Ok(Body::Good(good)) => {
                    self.health().in_vain = 0;
                    return Ok(good);
                }
                Ok(Body::CutShort) => problem::cut_short(&self.address),
                Ok(Body::Strange(how)) => problem::stranger(&self.address, how),
                Err(problem) => problem,
            };
            failed += 1;
            match self.policy.wait(problem.failure, failed, begin.elapsed(), OsRng.next_u32()) {
                Some(wait) => std::thread::sleep(wait),
                None => return Err(self.given_up(problem)),
            }
        }
    }

    fn attempt(&self, path: &str, asked: &str, limit: usize) -> std::result::Result<Answer, Failed> {
        let deadline = Instant::now() + self.timeout;
        let response = self.http.get(self.address.of(path)).send().map_err(|e| problem::sending(&self.address, &e))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(self.refused(response, deadline, asked, problem::status));
        }
        let of_connect = response.headers().contains_key(VERSION);
        let body = read_all(response, deadline, limit).map_err(|e| problem::reading(&self.address, &e))?;
        Ok(Answer { body, of_connect })
    }

    /// Sends a change, once: it may take effect though no answer comes. The body is JSON. `asked` says in words what it is.
    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        asked: &str,
        json: Option<SecretBytes>,
    ) -> std::result::Result<(), Failed> {
        let deadline = Instant::now() + self.timeout;
        let mut request = self.http.request(method, self.address.of(path));
        if let Some(json) = json {
            let length = json.len() as u64;
            let body = Sent::sized(Outgoing::new(json), length);
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().map_err(|e| problem::sending(&self.address, &e))?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(self.refused(response, deadline, asked, problem::status_of_change))
    }

    /// What an answer means that is neither good nor Connect's usual.
    fn refused(
        &self,
        response: Response,
        deadline: Instant,
        asked: &str,
        explain: fn(&Address, u16, &str, Option<&str>, Option<u64>) -> Failed,
    ) -> Failed {
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            return problem::redirect(&self.address, status, location);
        }
        let after = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
        let said = read_all(response, deadline, ERROR_LIMIT).ok();
        let said = said.and_then(|said| serde_json::from_slice::<Refusal>(said.expose()).ok());
        explain(&self.address, status, asked, said.as_ref().map(|refusal| refusal.message.as_str()), after)
    }

    /// How failures that may pass are tried again.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Reads a JSON body.
pub(super) fn json<T: serde::de::DeserializeOwned>(answer: Answer) -> Body<T> {
    match serde_json::from_slice(answer.body.expose()) {
        Ok(good) => Body::Good(good),
        Err(e) if e.is_eof() => Body::CutShort,
        Err(e) if e.is_data() => Body::Strange("the JSON has another shape"),
        Err(_) => Body::Strange("it is not JSON"),
    }
}

fn authorization(token: &SecretBytes) -> Result<HeaderValue> {
    const HINT: &str = "run `pkeys login` to store the token, or set OP_CONNECT_TOKEN to it, with nothing around it";
    let token = token.expose().trim_ascii();
    if token.is_empty() {
        return Err(Error::new("the Connect token is empty").hint(HINT));
    }
    let mut line = SecretBytes::with_capacity(token.len() + 7);
    line.extend(b"Bearer ");
    line.extend(token);
    let value = HeaderValue::from_bytes(line.expose()).ok().filter(|_| token.iter().all(u8::is_ascii_graphic));
    let mut value =
        value.ok_or_else(|| Error::new("the Connect token has a character in it that no token has").hint(HINT))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sets whose certificates count: the system's and those of `ca_file`. Plain HTTP needs none, and loads none.
fn trusting(builder: ClientBuilder, address: &Address, ca_file: Option<&Path>) -> Result<ClientBuilder> {
    let Some(path) = ca_file else {
        return Ok(if address.is_plain() { builder.tls_certs_only([]) } else { builder });
    };
    const HINT: &str = "name a file of PEM certificates: `pkeys login --ca-file FILE`, or ca-file in config.toml";
    let text = files::read(path, CA_LIMIT)?
        .ok_or_else(|| Error::new(format!("there is no CA file {}", path.display())).hint(HINT))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&text).unwrap_or_default();
    if certificates.is_empty() {
        return Err(Error::new(format!("{} holds no certificate", path.display())).hint(HINT));
    }
    Ok(builder.tls_certs_merge(certificates))
}
