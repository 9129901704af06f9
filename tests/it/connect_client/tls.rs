//! HTTPS with a CA of one's own.

use super::fake::{Fake, id, item, quick, read};
use pkeys::base::files;
use pkeys::source::connect::Connect;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn openssl(at: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(at).output().expect("openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Makes `ca.pem`, and `leaf.pem` with `leaf.key` for 127.0.0.1.
fn certificates(at: &Path) {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(at, &format!("req -x509 {KEY} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"));
    openssl(at, &format!("req {KEY} -keyout leaf.key -out leaf.csr -subj /CN=leaf"));
    files::write(&at.join("names"), b"subjectAltName=IP:127.0.0.1\n", files::PUBLIC).unwrap();
    openssl(at, "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out leaf.pem");
}

#[test]
fn a_ca_of_ones_own_is_trusted_only_when_it_is_given() {
    let top = tempfile::tempdir().unwrap();
    certificates(top.path());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(top.path().join("leaf.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(top.path().join("leaf.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let fields = json!({"fields": [{"id": "password", "label": "password", "value": "hunter2"}]});
    let server = Fake::wrapped(
        vec![vec![item(0, &id("i", 0), "web", fields)]],
        &[],
        Box::new(move |stream| Box::new(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream))),
    );
    let url = format!("https://127.0.0.1:{}", server.port);

    let mut settings = quick(&url);
    settings.ca_file = Some(top.path().join("ca.pem"));
    let connect = Connect::new(settings).unwrap();
    assert_eq!(read(&connect, &["op://vault0/web/password"]), [Ok("hunter2".into())]);
    assert!(connect.warnings().is_empty());
    assert_eq!(server.requests().len(), 3);

    openssl(
        top.path(),
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out other.pem -subj /CN=o",
    );
    let mut settings = quick(&url);
    settings.ca_file = Some(top.path().join("other.pem"));
    let answers = read(&Connect::new(settings).unwrap(), &["op://vault0/web/password"]);
    let message = answers[0].as_ref().unwrap_err();
    assert!(message.starts_with(&format!("the certificate of {url} is not trusted: ")), "{message}");
    assert_eq!(server.requests().len(), 0, "the token was not sent");

    let mut settings = quick(&url);
    settings.ca_file = Some(top.path().join("leaf.key"));
    assert!(Connect::new(settings).unwrap_err().message().ends_with("leaf.key holds no certificate"));
    let mut settings = quick(&url);
    settings.ca_file = Some(top.path().join("none.pem"));
    assert!(Connect::new(settings).unwrap_err().next_step().is_some());
}
