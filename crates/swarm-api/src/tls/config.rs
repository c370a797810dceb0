//! rustls configurations that follow a [`SharedIdentity`].

use std::fmt;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};
use thiserror::Error;

use super::{ALPN, SharedIdentity};

/// A TLS configuration could not be made.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Of the certificates or the protocol.
    #[error("tls configuration: {0}")]
    Tls(#[from] rustls::Error),
    /// Of the verifier.
    #[error("tls configuration: {0}")]
    Verifier(#[from] VerifierBuilderError),
}

/// What a manager serves with: it presents its certificate, and verifies the caller's if there is one. A caller without one is
/// anonymous (it may want to join), and the role table decides what it may do.
///
/// # Errors
/// When the root is not usable.
pub fn server_config(identity: &SharedIdentity) -> Result<ServerConfig, ConfigError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(identity)?), provider())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Resolver(identity.clone())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption: it would replay the client's earlier certificate.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// What a node calls managers with.
///
/// # Errors
/// When the root is not usable.
pub fn client_config(identity: &SharedIdentity) -> Result<ClientConfig, ConfigError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots(identity)?)
        .with_client_cert_resolver(Arc::new(Resolver(identity.clone())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(identity: &SharedIdentity) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.get().root.clone())?;
    Ok(roots)
}

/// Presents whatever the identity is at the moment of the handshake.
struct Resolver(SharedIdentity);

impl fmt::Debug for Resolver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.get().fmt(out)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.get().certified.clone())
    }
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.get().certified.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
