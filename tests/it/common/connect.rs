//! The stand-in Connect server and the conformance proxy, for tests of whatever speaks to Connect.
//!
//! ```ignore
//! use crate::common::connect;
//! let server = connect::StandIn::start(connect::EXAMPLE, &[]);
//! let Some(proxy) = connect::Prism::start(&server.url()) else { return };
//! /* run a client against proxy.url() with connect::WRITE_TOKEN */
//! assert_eq!(proxy.violations(), Vec::<String>::new());
//! ```

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use crate::common::http::{self, Call, Reply};
use serde::Deserialize;
use serde_json::{Value, json};

/// The example data: the vaults `demo` and `other`, and the tokens below.
pub(crate) const EXAMPLE: &str = include_str!("../../../examples/connect-server/example.json");
pub(crate) const DEMO: &str = "demovaultaaaaaaaaaaaaaaaaa";
pub(crate) const OTHER: &str = "othervaultbbbbbbbbbbbbbbbb";
/// Opens both vaults for writing.
pub(crate) const WRITE_TOKEN: &str = "demo-token";
/// Opens the vault `demo` for reading.
pub(crate) const READ_TOKEN: &str = "demo-read-token";
/// Opens the vault `other` only.
pub(crate) const OTHER_TOKEN: &str = "demo-other-token";
pub(crate) const EXPIRED_TOKEN: &str = "demo-expired-token";

/// `data` with one more token; a scope is `(vault id, "read" or "write")`.
pub(crate) fn with_token(data: &str, token: &str, scopes: &[(&str, &str)]) -> String {
    let mut data: Value = serde_json::from_str(data).expect("data in JSON");
    let vaults: serde_json::Map<String, Value> =
        scopes.iter().map(|(vault, scope)| ((*vault).to_owned(), json!(scope))).collect();
    data["tokens"].as_array_mut().expect("a list of tokens").push(json!({ "token": token, "vaults": vaults }));
    data.to_string()
}

/// What the stand-in counted.
#[derive(Debug, Deserialize)]
pub(crate) struct Requests {
    pub(crate) total: usize,
    /// How many carried an `Authorization` header.
    pub(crate) with_token: usize,
    /// The largest number under way at the same time.
    pub(crate) peak: usize,
    /// `METHOD path?query status`; the status is `-` where there was no answer.
    pub(crate) requests: Vec<String>,
}

/// A running stand-in server; stopped when dropped.
pub(crate) struct StandIn {
    child: Child,
    url: String,
    _directory: tempfile::TempDir,
    _output: BufReader<ChildStdout>,
}

impl StandIn {
    /// Starts the example program on a free port, with more arguments (`&["--starting-next", "2"]`).
    pub(crate) fn start(data: &str, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("data.json");
        std::fs::write(&file, data).expect("write the data file");
        let mut command = Command::new(Self::program());
        command.arg("--data").arg(&file).args(["--listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("start the stand-in");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("read its output");
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            let _ = child.kill();
            let status = child.wait();
            panic!("the stand-in did not start ({status:?}): {line}");
        };
        Self { url: url.to_owned(), child, _directory: directory, _output: output }
    }

    /// Where cargo put the example.
    pub(crate) fn program() -> PathBuf {
        let own = std::env::current_exe().expect("the path of this program");
        let profile = own.parent().and_then(|deps| deps.parent()).expect("target/<profile>/deps");
        let program = profile.join("examples/connect-server");
        assert!(program.is_file(), "{} is missing: run `cargo build --examples` first", program.display());
        program
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Makes one request and panics when there is no whole answer.
    pub(crate) fn call(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Reply {
        self.try_call(method, path, token, body).unwrap_or_else(|problem| panic!("{problem}"))
    }

    pub(crate) fn try_call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Result<Reply, String> {
        let body = body.map(Value::to_string);
        let call = Call { token: Some(token), body: body.as_deref(), patience: None };
        http::send(&self.url, method, path, call)
    }

    /// The requests since the start or the last reset; those to `/_stand-in` don't count.
    pub(crate) fn requests(&self) -> Requests {
        let reply = http::send(&self.url, "GET", "/_stand-in/requests", Call::default()).expect("the requests");
        serde_json::from_value(reply.json()).expect("the requests in their form")
    }

    pub(crate) fn reset_requests(&self) {
        let reply = http::send(&self.url, "DELETE", "/_stand-in/requests", Call::default()).expect("a reset");
        assert_eq!(reply.status, 204);
    }

    /// Sets the faults to exactly these; `json!({})` ends all.
    pub(crate) fn set_faults(&self, faults: &Value) {
        let body = faults.to_string();
        let call = Call { body: Some(&body), ..Call::default() };
        let reply = http::send(&self.url, "POST", "/_stand-in/faults", call).expect("set the faults");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// The faults that are left.
    pub(crate) fn faults(&self) -> Value {
        http::send(&self.url, "GET", "/_stand-in/faults", Call::default()).expect("the faults").json()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file or program under `target/test-tools`; panics with what to do when it is not there.
pub(crate) fn tool(path: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    let found = own.ancestors().map(|folder| folder.join("test-tools").join(path)).find(|file| file.exists());
    found.unwrap_or_else(|| panic!("target/test-tools/{path} is missing: run `tests/run`, which installs it"))
}

/// The conformance proxy: passes requests on, and reports what the OpenAPI document does not allow, either way.
///
/// A request that violates the document gets 422 and is not passed on; an answer that does becomes a 500. Their bodies
/// say what is wrong. With `PRISM_TELL=1` in the environment all is passed on, and [`Prism::violations`] says it.
pub(crate) struct Prism {
    child: Child,
    url: String,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
}

/// The last line of the log of a proxy that is gone.
const ENDED: &str = "(prism ended)";

static MARKS: AtomicUsize = AtomicUsize::new(0);

impl Prism {
    /// `None`, and one line that says so, when the OpenAPI document is not there.
    pub(crate) fn start(upstream: &str) -> Option<Self> {
        let document = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/connect/openapi-1.7.1-corrected.yaml");
        if !document.is_file() {
            println!("skipped: the OpenAPI document is not at {}", document.display());
            return None;
        }
        let mut command = Command::new(tool("npm/node_modules/.bin/prism"));
        command.arg("proxy").args(["-h", "127.0.0.1", "-p", "0"]).arg(document).arg(upstream);
        if std::env::var_os("PRISM_TELL").is_none() {
            command.arg("--errors");
        }
        command.env("NO_COLOR", "1").env("FORCE_COLOR", "0");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("start prism");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let log = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (shared, (sender, started)) = (log.clone(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("Prism is listening on ") {
                    let _ = sender.send(url.trim().to_owned());
                }
                shared.0.lock().expect("the log").push(line);
                shared.1.notify_all();
            }
            shared.0.lock().expect("the log").push(ENDED.to_owned());
            shared.1.notify_all();
        });
        // The sender goes away with the process, so this cannot wait for ever on one that failed.
        let url = started.recv().unwrap_or_else(|_| {
            let _ = child.kill();
            let _ = child.wait();
            panic!("prism did not start: {:#?}", log.0.lock().expect("the log"))
        });
        Some(Self { child, url, log })
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// All violations until now: each with the request that it belongs to.
    pub(crate) fn violations(&self) -> Vec<String> {
        // Prism writes its log in order: once it tells of this request, all before it is told too.
        let mark = format!("/mark-{}", MARKS.fetch_add(1, Ordering::Relaxed));
        let _ = http::send(&self.url, "GET", &mark, Call::default());
        let mut lines = self.log.0.lock().expect("the log");
        while !lines.iter().any(|line| line.contains(&mark)) {
            assert!(!lines.iter().any(|line| line == ENDED), "prism ended: {lines:#?}");
            lines = self.log.1.wait(lines).expect("the log");
        }
        let (mut request, mut found) = (String::new(), Vec::new());
        for line in lines.iter() {
            if let Some((_, rest)) = line.split_once("[HTTP SERVER] ").filter(|(_, rest)| rest.contains("received")) {
                request = rest.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            }
            let what = line.split_once("Violation: ").or_else(|| line.split_once("terminated with error: "));
            if let Some((_, what)) = what.filter(|_| !request.contains("/mark-")) {
                found.push(format!("{request}: {what}"));
            }
        }
        found
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
