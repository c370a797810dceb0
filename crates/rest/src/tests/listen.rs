//! The sockets: who may connect, what is in the way, TLS with clients that must show a certificate, and the end.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::fixture::Fixture;
use crate::{Listener, TlsFiles, serve};

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_unix_socket_is_its_owners_and_its_groups() {
    let fixture = Fixture::new().await;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("sub/shoal.sock");
    let old = Listener::unix(&path, None).expect("listen");
    drop(old);
    // The socket file of a daemon that is gone is replaced.
    let listener = Listener::unix(&path, Some(0)).expect("listen again");
    assert_eq!(std::fs::metadata(&path).expect("socket").permissions().mode() & 0o777, 0o660);
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(vec![listener], fixture.api.clone(), stop.clone()));
    let mut stream = UnixStream::connect(&path).await.expect("connect");
    stream.write_all(PING).await.expect("send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("OK"), "{answer}");
    // A stream that never ends does not keep the daemon.
    let mut events = UnixStream::connect(&path).await.expect("connect");
    events.write_all(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n").await.expect("send");
    let _ = events.read_u8().await.expect("head");
    stop.cancel();
    server.await.expect("the server ends");
}

#[test]
fn a_file_in_the_way_is_not_removed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("shoal.sock");
    std::fs::write(&path, "mine").expect("file");
    let error = Listener::unix(&path, None).err().expect("refused").to_string();
    assert!(error.contains("no socket") && error.contains("shoal.sock"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("file"), "mine");
}

/// An authority, and what it signed: server and client, as PEM files.
fn authority(dir: &Path) -> TlsFiles {
    let ca_key = KeyPair::generate().expect("key");
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("file");
    write("ca.pem", ca.self_signed(&ca_key).expect("certificate").pem());
    let issuer = Issuer::new(ca, ca_key);
    for (name, purpose) in
        [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
    {
        let key = KeyPair::generate().expect("key");
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
        params.extended_key_usages = vec![purpose];
        write(&format!("{name}.pem"), params.signed_by(&key, &issuer).expect("certificate").pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
    TlsFiles {
        cert: dir.join("server.pem"),
        key: dir.join("server.key"),
        client_ca: Some(dir.join("ca.pem")),
    }
}

/// Asks for a ping over TLS, with or without a certificate of the client's own.
async fn ping(dir: &Path, address: SocketAddr, known: bool) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).expect("authority")).expect("root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = if known {
        let chain = vec![CertificateDer::from_pem_file(dir.join("client.pem")).expect("certificate")];
        let key = PrivateKeyDer::from_pem_file(dir.join("client.key")).expect("key");
        builder.with_client_auth_cert(chain, key).expect("client")
    } else {
        builder.with_no_client_auth()
    };
    let name = ServerName::try_from("127.0.0.1").expect("name");
    let stream = TcpStream::connect(address).await?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(PING).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn tls_asks_clients_for_a_certificate() {
    let fixture = Fixture::new().await;
    let dir = tempfile::tempdir().expect("a directory");
    let files = authority(dir.path());
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::tcp(local, Some(&files)).await.expect("listen");
    let address = listener.local_addr().expect("address");
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(vec![listener], fixture.api.clone(), stop.clone()));
    assert!(ping(dir.path(), address, true).await.expect("known").starts_with("HTTP/1.1 200 OK"));
    assert!(ping(dir.path(), address, false).await.is_err(), "an unknown client gets nothing");
    stop.cancel();
    server.await.expect("the server ends");
    let empty = TlsFiles { cert: dir.path().join("client.key"), ..files };
    let error = Listener::tcp(local, Some(&empty)).await.err().expect("refused").to_string();
    assert!(error.contains("client.key") && error.contains("no certificate"), "{error}");
}
