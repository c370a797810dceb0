//! Signs nodes' certificates.

use std::borrow::Cow;
use std::time::Duration;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use swarm_api::id::{ID_LEN, NodeId};
use swarm_api::pb;
use swarm_api::role::Role;
use swarm_api::token::RootDigest;
use thiserror::Error;
use time::OffsetDateTime;

/// A certificate is valid from so much before it was made, for nodes whose clock is behind.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(3600);
/// A request is not longer: one P-256 key and a signature are a few hundred bytes.
const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// Why no certificate was made.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The request is too long, not one, or not signed by the key in it.
    #[error("invalid certificate signing request: {0}")]
    Request(Cow<'static, str>),
    /// The root cannot be used.
    #[error("certificate authority: {0}")]
    Root(Cow<'static, str>),
    /// Signing failed.
    #[error("certificate authority: {0}")]
    Sign(#[from] rcgen::Error),
}

/// What a certificate is to say.
pub(crate) struct Grant<'a> {
    pub(crate) node_id: &'a NodeId,
    pub(crate) role: Role,
    pub(crate) cluster_id: &'a str,
    pub(crate) now_ns: i64,
    pub(crate) validity: Duration,
}

/// The id of the node that a key is: whoever asks twice with one key becomes one node.
pub(crate) fn node_id_of(csr_der: &[u8]) -> Result<NodeId, AuthorityError> {
    let digits = RootDigest::of(read(csr_der)?.public_key.der_bytes()).base36();
    Ok(NodeId::from(&digits[digits.len() - ID_LEN..]))
}

/// Signs a certificate for the key of this request. The answer is the chain as PEM: the node's certificate, then the root's.
pub(crate) fn issue(root: &pb::RootCa, csr_der: &[u8], grant: &Grant<'_>) -> Result<String, AuthorityError> {
    let mut request = read(csr_der)?;
    request.params = params(grant)?;
    let utf8 = |_| AuthorityError::Root("not utf-8".into());
    let key = KeyPair::from_pem(std::str::from_utf8(&root.key_pem).map_err(utf8)?)?;
    let issuer = Issuer::from_ca_cert_der(&root_der(root)?, key)?;
    let certificate = request.signed_by(&issuer)?;
    Ok(certificate.pem() + std::str::from_utf8(&root.certificate_pem).map_err(utf8)?)
}

pub(super) fn root_der(root: &pb::RootCa) -> Result<CertificateDer<'static>, AuthorityError> {
    CertificateDer::from_pem_slice(&root.certificate_pem)
        .map_err(|error| AuthorityError::Root(error.to_string().into()))
}

pub(super) fn time(now_ns: i64) -> Result<OffsetDateTime, AuthorityError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ns))
        .map_err(|error| AuthorityError::Root(error.to_string().into()))
}

fn read(csr_der: &[u8]) -> Result<CertificateSigningRequestParams, AuthorityError> {
    if csr_der.len() > MAX_REQUEST_BYTES {
        return Err(AuthorityError::Request("too long".into()));
    }
    // Also checks that it is signed by the key in it.
    CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr_der))
        .map_err(|error| AuthorityError::Request(error.to_string().into()))
}

fn params(grant: &Grant<'_>) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, grant.node_id.as_str());
    params.distinguished_name.push(DnType::OrganizationalUnitName, grant.role.unit());
    params.distinguished_name.push(DnType::OrganizationName, grant.cluster_id);
    params.subject_alt_names = [grant.node_id.as_str(), grant.role.unit()]
        .into_iter()
        .map(|name| name.try_into().map(SanType::DnsName))
        .collect::<Result<_, _>>()?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = time(grant.now_ns)? - CLOCK_SKEW;
    params.not_after = time(grant.now_ns)? + grant.validity;
    Ok(params)
}
