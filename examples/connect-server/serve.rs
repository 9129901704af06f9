//! Connections: accepts them, puts each request through the faults, and writes the log.
//!
//! Drives hyper itself, because breaking a connection on purpose is not something that a web framework offers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, Uri, header};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::faults::Fault;
use crate::{App, VERSION, reply, routes};

/// Where a request came from, for `/v1/activity`.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Ends a connection without an answer.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

/// Listens, says where, and serves until the process ends.
pub(crate) async fn listen(app: Arc<App>, address: SocketAddr, port_file: Option<&Path>) -> Result<(), String> {
    let listener = TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    if let Some(path) = port_file {
        pkeys::base::files::write(path, format!("{}\n", address.port()).as_bytes(), pkeys::base::files::PUBLIC)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    println!("listening on http://{address}");
    let router = routes::router(app.clone());
    loop {
        // A failed accept is one client's loss (or a moment without free descriptors), never the server's end.
        match listener.accept().await {
            Ok((stream, peer)) => drop(tokio::spawn(connection(app.clone(), router.clone(), stream, Peer(peer)))),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(app: Arc<App>, router: Router, stream: TcpStream, peer: Peer) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, router) = (app.clone(), router.clone());
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            answer(&app, router, request).await
        }
    });
    // An error here is a client that went away, or a connection that we broke on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(app: &Arc<App>, router: Router, mut request: Request<Body>) -> Result<Response, Dropped> {
    let what = format!("{} {}", request.method(), request.uri());
    if let Some(uri) = without_trailing_slash(request.uri()) {
        *request.uri_mut() = uri;
    }
    if request.uri().path().starts_with("/_stand-in/") {
        return Ok(route(router, request).await);
    }
    let entry = Arrival::new(app, what.clone(), request.headers().contains_key(header::AUTHORIZATION));
    let (fault, latency) = app.faults().next(request.method(), request.uri().path());
    tokio::time::sleep(latency).await;
    if let Some(fault) = &fault {
        request.extensions_mut().insert(fault.clone());
    }
    let mut response = match &fault {
        Some(Fault::Drop) => return Err(Dropped),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Status { status, message, retry_after }) => reply::fault(*status, message, *retry_after),
        Some(Fault::Html) => reply::html(),
        Some(Fault::Redirect(to)) => reply::redirect(to),
        _ => route(router, request).await,
    };
    if !matches!(fault, Some(Fault::Html | Fault::Redirect(_))) {
        response.headers_mut().insert("1Password-Connect-Version", HeaderValue::from_static(VERSION));
    }
    match fault {
        Some(Fault::DropAfter) => return Err(Dropped),
        Some(Fault::Truncate) => response = truncated(response).await,
        _ => {}
    }
    entry.answered(response.status().as_u16());
    Ok(response)
}

async fn route(router: Router, request: Request<Body>) -> Response {
    let answer: Result<Response, Infallible> =
        hyper::service::Service::call(&TowerToHyperService::new(router), request).await;
    answer.unwrap_or_else(|never| match never {})
}

/// Connect takes `/v1/vaults/` for `/v1/vaults`, and the official JavaScript client asks so.
fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    match uri.query() {
        Some(query) => format!("{path}?{query}").parse().ok(),
        None => path.parse().ok(),
    }
}

/// A request in the log: there from its arrival, with its status once answered.
struct Arrival<'a> {
    app: &'a App,
    number: u64,
}

impl<'a> Arrival<'a> {
    fn new(app: &'a App, what: String, with_token: bool) -> Self {
        Self { app, number: app.log().arrived(what, with_token) }
    }

    fn answered(&self, status: u16) {
        self.app.log().answered(self.number, status);
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.app.log().left();
    }
}

/// The response with only the first half of its body, under the `Content-Length` of the whole.
async fn truncated(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(2)));
    Response::from_parts(head, Body::new(Half { first: Some(whole.slice(..whole.len() / 2)), wait: None }))
}

/// Sends its bytes, waits until they are on the wire, then breaks the connection.
struct Half {
    first: Option<Bytes>,
    wait: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl HttpBody for Half {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let wait = self.wait.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(20))));
        match wait.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(Dropped))),
            Poll::Pending => Poll::Pending,
        }
    }
}
