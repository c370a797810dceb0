//! Verifies certificates of others against the root that this node trusts at the moment of the handshake: a root that is
//! rotated reaches every configuration that is in use.
//!
//! A swarm that was off as a whole past the end of its certificates must find together again, with nobody there who could
//! give new ones: who has only an ended certificate itself also takes one that was good when its own was. Whoever has a new
//! one is strict again.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::config::{Wall, provider, signatures};
use super::{Identity, SharedIdentity, peer};

/// Trusts what the identity of the moment trusts.
#[derive(Debug)]
pub(super) struct Verifier(SharedIdentity);

impl Verifier {
    /// Follows this identity, whose root must be usable now.
    pub(super) fn new(identity: &SharedIdentity) -> Result<Self, Error> {
        let verifier = Self(identity.clone());
        verifier.client()?;
        Ok(verifier)
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.get().root.clone())?;
        Ok(Arc::new(roots))
    }

    fn client(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let builder = WebPkiClientVerifier::builder_with_provider(self.roots()?, provider());
        builder.allow_unauthenticated().build().map_err(|error| Error::General(error.to_string()))
    }

    fn server(&self) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let builder = WebPkiServerVerifier::builder_with_provider(self.roots()?, provider());
        builder.build().map_err(|error| Error::General(error.to_string()))
    }
}

impl Verifier {
    /// When this certificate and our own were both good, if ours has ended.
    fn together(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Option<UnixTime> {
        const SECOND_NS: i64 = 1_000_000_000;
        let own = self.0.get();
        let now_s = i64::try_from(now.as_secs()).ok()?;
        if !own.is_over(now_s.saturating_mul(SECOND_NS)) {
            return None;
        }
        let (not_before_ns, not_after_ns) = peer::validity(leaf)?;
        let begin_ns = own.not_before_ns.max(not_before_ns);
        let seconds = u64::try_from(begin_ns / SECOND_NS).ok()?;
        (begin_ns <= own.not_after_ns.min(not_after_ns))
            .then(|| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Whether a caller's chain, its own certificate first, is (still) good for the root that this identity trusts now.
pub(crate) fn is_trusted(identity: &SharedIdentity, chain: &[CertificateDer<'_>]) -> bool {
    let Some((leaf, rest)) = chain.split_first() else { return false };
    Verifier(identity.clone()).verify_client_cert(leaf, rest, Wall::now()).is_ok()
}

/// Whether one node trusts the other, whoever of them calls.
#[must_use]
pub fn trusts(one: &Identity, other: &Identity) -> bool {
    is_trusted(&SharedIdentity::new(one.clone()), &other.certified.cert)
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
        let verify = |now| self.server()?.verify_server_cert(leaf, chain, name, ocsp, now);
        verify(now).or_else(|error| self.together(leaf, now).map_or(Err(error), verify))
    }

    signatures!();
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No hint: whoever has a certificate is to show it.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verify = |now| self.client()?.verify_client_cert(leaf, chain, now);
        verify(now).or_else(|error| self.together(leaf, now).map_or(Err(error), verify))
    }

    signatures!();
}
