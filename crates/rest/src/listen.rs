//! The sockets the server listens on: unix, TCP, and TCP with TLS.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

/// Mode of the unix socket: its owner and its group.
const SOCKET_MODE: u32 = 0o660;

/// A socket the server accepts connections on.
pub enum Listener {
    /// A unix socket.
    Unix(UnixListener),
    /// Plain TCP.
    Tcp(TcpListener),
    /// TCP with TLS.
    Tls(TcpListener, TlsAcceptor),
}

/// The files of `--tlscert`, `--tlskey` and, with `--tlsverify`, `--tlscacert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificates, PEM.
    pub cert: PathBuf,
    /// The server's key, PEM.
    pub key: PathBuf,
    /// Clients must show a certificate of this authority, PEM.
    pub client_ca: Option<PathBuf>,
}

/// Why a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The kernel refused.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The path or address.
        address: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A path that holds something else than a socket.
    #[error("cannot listen on {}: a file that is no socket is in the way", .0.display())]
    InTheWay(PathBuf),
    /// A certificate, key or authority that cannot be used.
    #[error("cannot use {}: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Listener {
    /// Listens on a unix socket, mode 0660, of group `gid` if given. A socket file left by a daemon that is gone is replaced;
    /// the caller holds the lock on the daemon's roots that tells it is gone.
    pub fn unix(path: &Path, gid: Option<u32>) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { address: path.display().to_string(), source };
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path).map_err(failed)?,
            Ok(_) => return Err(ListenError::InTheWay(path.to_owned())),
            Err(_) => {
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent).map_err(failed)?;
                }
            }
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Group first: until both are done the socket is only its owner's or narrower than it will be.
        if let Some(gid) = gid {
            std::os::unix::fs::chown(path, None, Some(gid)).map_err(failed)?;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
        Ok(Self::Unix(listener))
    }

    /// Listens on TCP, with TLS if files are given.
    pub async fn tcp(address: SocketAddr, tls: Option<&TlsFiles>) -> Result<Self, ListenError> {
        let acceptor = tls.map(acceptor).transpose()?;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ListenError::Bind { address: address.to_string(), source })?;
        Ok(match acceptor {
            Some(acceptor) => Self::Tls(listener, acceptor),
            None => Self::Tcp(listener),
        })
    }

    /// Takes a unix socket that somebody else opened, with the mode and owner it has.
    pub fn given_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(Self::Unix)
    }

    /// Takes a TCP socket that somebody else opened, with TLS if files are given.
    pub fn given_tcp(listener: std::net::TcpListener, tls: Option<&TlsFiles>) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { address: "a given socket".to_owned(), source };
        let acceptor = tls.map(acceptor).transpose()?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        Ok(match acceptor {
            Some(acceptor) => Self::Tls(listener, acceptor),
            None => Self::Tcp(listener),
        })
    }

    /// The address of a TCP socket, with the port the kernel chose where none was asked for.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(_) => None,
            Self::Tcp(listener) | Self::Tls(listener, _) => listener.local_addr().ok(),
        }
    }
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ListenError> {
    let failed = |path: &Path, reason: String| ListenError::Tls { path: path.to_owned(), reason };
    let chain = certificates(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| failed(&files.key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(&files.cert, e.to_string()))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| failed(path, e.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|e| failed(path, e.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|e| failed(&files.cert, e.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let failed = |reason: String| ListenError::Tls { path: path.to_owned(), reason };
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| failed(e.to_string()))?.collect();
    let found = found.map_err(|e| failed(e.to_string()))?;
    if found.is_empty() { Err(failed("it holds no certificate".to_owned())) } else { Ok(found) }
}
