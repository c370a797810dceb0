//! rustls configurations that follow a [`SharedIdentity`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ResolvesClientCert, Resumption, WantsClientCert};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, ConfigBuilder, ServerConfig, SignatureScheme};
use rustls_pki_types::UnixTime;
use thiserror::Error;

use super::verifier::Verifier;
use super::{ALPN, SharedIdentity};

/// A TLS configuration could not be made.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Of the certificates or the protocol.
    #[error("tls configuration: {0}")]
    Tls(#[from] rustls::Error),
}

/// What a manager serves with: it presents its certificate, and verifies the caller's if there is one. A caller without one is
/// anonymous (it may want to join), and the role table decides what it may do.
///
/// # Errors
/// When the root is not usable.
pub fn server_config(identity: &SharedIdentity) -> Result<ServerConfig, ConfigError> {
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(Wall))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Verifier::new(identity)?))
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
    let shows = Arc::new(Resolver(identity.clone()));
    Ok(finished(caller(identity)?.with_client_cert_resolver(shows)))
}

/// What a node calls managers with that has no certificate to show any more: it knows them, and they do not know it.
///
/// # Errors
/// When the root is not usable.
pub fn unknown_client_config(identity: &SharedIdentity) -> Result<ClientConfig, ConfigError> {
    Ok(finished(caller(identity)?.with_no_client_auth()))
}

/// Who calls managers, whatever it shows of itself: it verifies whom it calls.
fn caller(identity: &SharedIdentity) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError> {
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(Wall))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(identity)?));
    Ok(builder)
}

fn finished(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config
}

/// The time by which certificates are judged.
#[derive(Debug)]
pub(super) struct Wall;

impl Wall {
    pub(super) fn now() -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_nanos(u64::try_from(crate::now_ns()).unwrap_or(0)))
    }
}

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(Self::now())
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What rustls asks of each verifier of its own besides the certificate: the handshake's signature. It is checked as ever.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = provider().signature_verification_algorithms;
            rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = provider().signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            provider().signature_verification_algorithms.supported_schemes()
        }
    };
}
pub(super) use signatures;

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
