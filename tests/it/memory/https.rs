//! A server that speaks TLS and passes each request on to one that does not.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Starts it before the server at `url`; makes its certificate and `ca.pem` in `directory`. Gives its address. It listens
/// until the test program ends.
pub fn before(url: &str, directory: &Path) -> String {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    std::fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    for arguments in [
        &format!("req -x509 {KEY} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"),
        &format!("req {KEY} -keyout leaf.key -out leaf.csr -subj /CN=leaf"),
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out leaf.pem",
    ] {
        let made = Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output();
        assert!(made.expect("tests/run installs it").status.success(), "openssl {arguments}");
    }
    let chain = vec![CertificateDer::from_pem_file(directory.join("leaf.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(directory.join("leaf.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("https://{}", listener.local_addr().unwrap());
    let behind = url.strip_prefix("http://").unwrap().to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, behind) = (Arc::clone(&config), behind.clone());
            std::thread::spawn(move || {
                pass_on(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), &behind)
            });
        }
    });
    own
}

/// Passes on one request without a body, and its answer.
fn pass_on(stream: StreamOwned<ServerConnection, TcpStream>, behind: &str) {
    let mut client = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).is_ok_and(|read| read == 0) {
            return;
        }
    }
    let head = head.trim_end().to_owned() + "\r\nConnection: close\r\n\r\n";
    let mut server = TcpStream::connect(behind).unwrap();
    server.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    let mut client = client.into_inner();
    let _ = client.write_all(&answer);
    client.conn.send_close_notify();
    let _ = client.flush();
}
