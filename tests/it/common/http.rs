//! A small HTTP/1.1 client for tests: one request, one connection, and nothing mended on the way.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer, complete: a body that ends early is an error instead.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A request to make.
#[derive(Clone, Copy, Default)]
pub(crate) struct Call<'a> {
    pub(crate) token: Option<&'a str>,
    pub(crate) body: Option<&'a str>,
    /// Give up after this long without a byte; 60 seconds when `None`.
    pub(crate) patience: Option<Duration>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics when it is not.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON ({}): {}", self.status, self.text()))
    }

    /// The `message` of an error answer.
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends one request to `base` (`http://host:port`). The error says what broke.
pub(crate) fn send(base: &str, method: &str, path: &str, call: Call<'_>) -> Result<Reply, String> {
    let host = base.strip_prefix("http://").expect("an http:// address");
    let failed = |what: &str, error: std::io::Error| format!("{method} {path}: {what}: {error}");
    let mut stream = TcpStream::connect(host).map_err(|error| failed("connect", error))?;
    let patience = call.patience.unwrap_or(Duration::from_secs(60));
    stream.set_read_timeout(Some(patience)).map_err(|error| failed("set up", error))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n");
    if let Some(token) = call.token {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    if let Some(body) = call.body {
        head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    let request = format!("{head}\r\n{}", call.body.unwrap_or_default());
    stream.write_all(request.as_bytes()).map_err(|error| failed("send", error))?;
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    match parse(&bytes) {
        Ok(reply) => Ok(reply),
        Err(problem) => Err(format!("{method} {path}: {problem} ({ended:?})")),
    }
}

fn parse(bytes: &[u8]) -> Result<Reply, &'static str> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no answer")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|text| text.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut reply = Reply { status: status.ok_or("no status")?, headers, body: bytes[end + 4..].to_vec() };
    if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        reply.body = unchunk(&reply.body).ok_or("the body ends early")?;
    } else if let Some(length) = reply.header("content-length").and_then(|text| text.parse::<usize>().ok())
        && reply.body.len() != length
    {
        return Err("the body ends early");
    }
    Ok(reply)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        let data = rest.get(end + 2..end + 2 + size)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(data);
        rest = rest.get(end + 4 + size..)?;
    }
}
