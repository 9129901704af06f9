//! A server of a few lines: answers from a made-up account, unless it was told to answer something else first.

use pkeys::base::{Result, SecretBytes};
use pkeys::source::connect::{Connect, Policy, Settings};
use pkeys::source::{Reference, Source};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const TOKEN: &str = "not.a-real.token";

/// What a request is answered with.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A status, more header lines, and the body.
    Is(u16, &'static str, Vec<u8>),
    /// The right answer, but the connection ends in the middle of it.
    Half,
    /// The connection ends without an answer.
    Drop,
    /// Nothing, for as long as the client waits.
    Hang,
}

impl Reply {
    /// An error in Connect's own form.
    pub(crate) fn refusal(status: u16, headers: &'static str, message: &str) -> Self {
        Self::Is(status, headers, json!({"status": status, "message": message}).to_string().into_bytes())
    }
}

#[derive(Default)]
struct State {
    account: Vec<(Value, Vec<Value>)>,
    files: Vec<(String, Vec<u8>)>,
    /// What the next requests whose path contains the text are answered with.
    told: Mutex<VecDeque<(String, Reply)>>,
    requests: Mutex<Vec<String>>,
    now: AtomicUsize,
    peak: AtomicUsize,
}

/// The server; it listens until the test program ends.
pub(crate) struct Fake {
    pub(crate) port: u16,
    state: Arc<State>,
}

/// How a connection becomes a stream of bytes: as it is, or through TLS.
pub(crate) type Wrap = dyn Fn(TcpStream) -> Box<dyn Stream> + Send + Sync;
pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// An id of 26 characters that says what it is.
pub(crate) fn id(what: &str, number: usize) -> String {
    format!("{what}{number}{}", "x".repeat(26))[..26].to_owned()
}

/// An item with its fields, in the vault with that number.
pub(crate) fn item(vault: usize, id: &str, title: &str, more: Value) -> Value {
    let mut item =
        json!({"id": id, "title": title, "version": 7, "category": "LOGIN", "vault": {"id": self::id("v", vault)}});
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item
}

impl Fake {
    /// Serves vaults called `vault0`, `vault1` … with these items, and the files by their ids.
    pub(crate) fn new(vaults: Vec<Vec<Value>>, files: &[(&str, &[u8])]) -> Self {
        Self::wrapped(vaults, files, Box::new(|stream| Box::new(stream)))
    }

    pub(crate) fn wrapped(vaults: Vec<Vec<Value>>, files: &[(&str, &[u8])], wrap: Box<Wrap>) -> Self {
        let vault = |number| json!({"id": id("v", number), "name": format!("vault{number}"), "type": "USER_CREATED"});
        let account = vaults.into_iter().enumerate().map(|(number, items)| (vault(number), items)).collect();
        let files = files.iter().map(|(id, content)| ((*id).to_owned(), content.to_vec())).collect();
        let state = Arc::new(State { account, files, ..State::default() });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (shared, wrap) = (Arc::clone(&state), Arc::new(wrap));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, wrap) = (Arc::clone(&shared), Arc::clone(&wrap));
                std::thread::spawn(move || {
                    state.peak.fetch_max(state.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let _ = state.serve(wrap(stream));
                    state.now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, state }
    }

    /// Two vaults with ten items each, every one with five fields.
    pub(crate) fn large() -> Self {
        let field = |number| json!({"id": format!("f{number}"), "label": format!("field{number}"), "value": format!("value{number}")});
        let fields: Vec<Value> = (0..5).map(field).collect();
        let whole = |vault, number| item(vault, &id("i", number), &format!("item{number}"), json!({"fields": fields}));
        Self::new(vec![(0..10).map(|n| whole(0, n)).collect(), (10..20).map(|n| whole(1, n)).collect()], &[])
    }

    /// One vault with one item with one field, whose value is `hunter2`.
    pub(crate) fn small() -> Self {
        let fields = json!({"fields": [{"id": "password", "label": "password", "value": "hunter2"}]});
        Self::new(vec![vec![item(0, &id("i", 0), "web", fields)]], &[])
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client that waits next to nothing between attempts.
    pub(crate) fn client(&self) -> Connect {
        Connect::new(quick(&self.url())).unwrap()
    }

    /// Answers the next `times` requests whose path contains `path` with `reply`.
    pub(crate) fn tell(&self, times: usize, path: &str, reply: &Reply) -> &Self {
        self.state.told.lock().unwrap().extend(std::iter::repeat_n((path.to_owned(), reply.clone()), times));
        self
    }

    /// The paths asked for since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.requests.lock().unwrap())
    }

    /// The most connections that were open at once.
    pub(crate) fn peak(&self) -> usize {
        self.state.peak.load(Ordering::SeqCst)
    }
}

impl State {
    fn serve(&self, stream: Box<dyn Stream>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.requests.lock().unwrap().push(path.clone());
        let told = {
            let mut told = self.told.lock().unwrap();
            let place = told.iter().position(|(part, _)| path.contains(part.as_str()));
            place.and_then(|place| told.remove(place))
        };
        let reply = match told {
            Some((_, Reply::Hang)) => {
                let _ = stream.read(&mut [0]);
                return Ok(());
            }
            Some((_, Reply::Drop)) => return Ok(()),
            Some((_, Reply::Half)) => {
                let whole = raw(self.answer(&head, &path));
                return stream.get_mut().write_all(&whole[..whole.len() - 10]);
            }
            Some((_, reply)) => reply,
            None => self.answer(&head, &path),
        };
        stream.get_mut().write_all(&raw(reply))?;
        stream.get_mut().flush()
    }

    /// What Connect would answer.
    fn answer(&self, head: &str, path: &str) -> Reply {
        if !head.lines().any(|line| line.eq_ignore_ascii_case(&format!("authorization: bearer {TOKEN}"))) {
            return Reply::refusal(401, VERSION, "Invalid token signature");
        }
        let good = |value: Value| Reply::Is(200, VERSION, value.to_string().into_bytes());
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let [_, "vaults", rest @ ..] = &parts[..] else { return Reply::Is(404, "", b"404 page not found".to_vec()) };
        let Some(vault) = rest.first() else {
            return good(self.account.iter().map(|(vault, _)| vault.clone()).collect());
        };
        let items = self.account.iter().find(|(known, _)| known["id"] == *vault).map(|(_, items)| items);
        let Some(items) = items else { return Reply::refusal(403, VERSION, "token does not have access to vault") };
        let item = |wanted: &str| items.iter().find(|item| item["id"] == *wanted).cloned();
        let found = match rest[1..] {
            ["items"] => Some(items.iter().cloned().map(overview).collect()),
            ["items", wanted] => item(wanted),
            ["items", _, "files", wanted, "content"] => {
                let file = self.files.iter().find(|(id, _)| id == wanted);
                return Reply::Is(200, VERSION, file.expect("a known file").1.clone());
            }
            _ => None,
        };
        found.map_or_else(|| Reply::refusal(404, VERSION, "not found"), good)
    }
}

pub(crate) const VERSION: &str = "1Password-Connect-Version: 1.7.3\r\n";

fn overview(mut item: Value) -> Value {
    for part in ["fields", "sections", "files"] {
        item.as_object_mut().unwrap().remove(part);
    }
    item
}

fn raw(reply: Reply) -> Vec<u8> {
    let Reply::Is(status, headers, body) = reply else { unreachable!("handled before") };
    let mut all =
        format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    all.extend(body);
    all
}

/// Settings with which nothing takes long.
pub(crate) fn quick(url: &str) -> Settings {
    let wait = Duration::from_millis(1);
    Settings {
        retry: Policy { first_wait: wait, longest_wait: wait, ..Policy::default() },
        ..Settings::new(url, SecretBytes::copy_of(TOKEN.as_bytes()))
    }
}

/// The values of references, or what is wrong with them.
pub(crate) fn read(connect: &Connect, references: &[&str]) -> Vec<std::result::Result<String, String>> {
    let parsed: Vec<Reference> = references.iter().map(|text| Reference::parse(text).unwrap()).collect();
    let answers = connect.read(&parsed.iter().collect::<Vec<_>>());
    answers.into_iter().map(|a| plain(a.map(|v| v.bytes.expose_str().unwrap().to_owned()))).collect()
}

/// The versions of references, or what is wrong with them.
pub(crate) fn versions(connect: &Connect, references: &[&str]) -> Vec<std::result::Result<String, String>> {
    let parsed: Vec<Reference> = references.iter().map(|text| Reference::parse(text).unwrap()).collect();
    connect.versions(&parsed.iter().collect::<Vec<_>>()).into_iter().map(|a| plain(a.map(|v| v.0))).collect()
}

/// Every error has a next step, and neither shows a secret.
fn plain(answer: Result<String>) -> std::result::Result<String, String> {
    answer.map_err(|error| {
        let hint = error.next_step().unwrap_or_else(|| panic!("no next step: {error}"));
        assert!(!format!("{error} {hint}").contains("hunter2") && !error.message().contains(TOKEN), "{error}");
        error.message().to_owned()
    })
}
