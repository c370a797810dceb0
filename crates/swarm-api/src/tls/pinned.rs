//! How a machine that is no node yet trusts a manager: by the digest of the root in its join token.
//!
//! The manager presents its certificate and the root's. The root must have the token's digest, and then the certificate is
//! verified against that root as ever. No byte is sent to an impostor, the token least of all.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::ALPN;
use super::config::{ConfigError, provider, signatures};
use crate::token::{JoinToken, RootDigest};

/// Why the manager was not trusted, kept aside because the layers above turn errors of TLS into prose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinnedFailure {
    /// The root it presents has another digest than the token says.
    Digest,
    /// It presents no root at all, or its certificate is not one of that root (any more): the reason.
    Certificate(String),
}

/// A TLS configuration without a certificate of our own, pinned to the root of a join token.
#[derive(Debug)]
pub struct Pinned {
    /// To connect with.
    pub config: ClientConfig,
    failure: Arc<OnceLock<PinnedFailure>>,
}

impl Pinned {
    /// Trusts managers of the swarm this token is of, and nobody else.
    ///
    /// # Errors
    /// When TLS cannot be configured.
    pub fn new(token: &JoinToken) -> Result<Self, ConfigError> {
        let failure = Arc::new(OnceLock::new());
        let verifier = Verifier { token: token.clone(), failure: failure.clone() };
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { config, failure })
    }

    /// Why the handshake was ended from our side, if it was.
    #[must_use]
    pub fn failure(&self) -> Arc<OnceLock<PinnedFailure>> {
        self.failure.clone()
    }
}

#[derive(Debug)]
struct Verifier {
    token: JoinToken,
    failure: Arc<OnceLock<PinnedFailure>>,
}

impl Verifier {
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, PinnedFailure> {
        if chain.is_empty() {
            return Err(PinnedFailure::Certificate("no root certificate presented".into()));
        }
        // While the root is rotated there are two.
        let root = chain.iter().find(|root| self.token.names(&RootDigest::of(root)));
        let root = root.ok_or(PinnedFailure::Digest)?;
        let reason = |error: Error| PinnedFailure::Certificate(error.to_string());
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned()).map_err(reason)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| PinnedFailure::Certificate(error.to_string()))?;
        verifier.verify_server_cert(leaf, chain, name, ocsp, now).map_err(reason)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(leaf, chain, name, ocsp, now).map_err(|failure| {
            let error = Error::General(format!("{failure:?}"));
            // The first reason stands.
            let _ = self.failure.set(failure);
            error
        })
    }

    signatures!();
}
