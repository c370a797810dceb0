//! Signs nodes' certificates.

use std::borrow::Cow;
use std::time::Duration;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use swarm_api::default::CLOCK_SKEW;
use swarm_api::id::{ID_LEN, NodeId};
use swarm_api::pb;
use swarm_api::role::Role;
use swarm_api::token::RootDigest;
use thiserror::Error;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

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
    /// A root that a user gave cannot be used.
    #[error("{0}")]
    Given(Cow<'static, str>),
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

/// The public key that is to be certified, DER.
pub(crate) fn public_key_of(csr_der: &[u8]) -> Result<Vec<u8>, AuthorityError> {
    Ok(read(csr_der)?.public_key.der_bytes().to_vec())
}

/// The public key that a chain's first certificate certifies, DER.
pub(super) fn certified_key(chain_pem: &[u8]) -> Result<Vec<u8>, AuthorityError> {
    let der = certificate_der(chain_pem)?;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|error| AuthorityError::Root(error.to_string().into()))?;
    Ok(certificate.public_key().subject_public_key.data.to_vec())
}

/// When a chain's first certificate ends; none, if there is no certificate.
pub(super) fn certificate_end_ns(chain_pem: &[u8]) -> Option<i64> {
    const SECOND_NS: i64 = 1_000_000_000;
    let der = certificate_der(chain_pem).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    Some(certificate.validity().not_after.timestamp().saturating_mul(SECOND_NS))
}

/// Signs a certificate for the key of this request. The answer is the chain as PEM: the node's certificate, those that lead
/// from it to earlier roots, and at last that of the root to be trusted.
///
/// While the root is rotated the new one signs, and the chain has it twice: signed by the old root, for nodes that know only
/// that, and as it is, for machines that join with a token of the new one.
pub(crate) fn issue(root: &pb::RootCa, csr_der: &[u8], grant: &Grant<'_>) -> Result<String, AuthorityError> {
    let mut request = read(csr_der)?;
    request.params = params(grant)?;
    let (certificate_pem, key_pem) = match &root.rotation {
        Some(rotation) => (&rotation.certificate_pem, &rotation.key_pem),
        None => (&root.certificate_pem, &root.key_pem),
    };
    let issuer = Issuer::from_ca_cert_der(&certificate_der(certificate_pem)?, key(key_pem)?)?;
    let mut chain = request.signed_by(&issuer)?.pem();
    let rotation = root.rotation.as_ref();
    let crossed =
        rotation.map(|rotation| &rotation.cross_signed_pem).into_iter().chain(&root.cross_signed_pem);
    let roots = rotation.map(|rotation| &rotation.certificate_pem).into_iter().chain([&root.certificate_pem]);
    for pem in crossed.chain(roots) {
        chain.push_str(text(pem)?);
    }
    Ok(chain)
}

pub(super) fn text(pem: &[u8]) -> Result<&str, AuthorityError> {
    std::str::from_utf8(pem).map_err(|_| AuthorityError::Root("not utf-8".into()))
}

pub(super) fn key(pem: &[u8]) -> Result<KeyPair, AuthorityError> {
    Ok(KeyPair::from_pem(text(pem)?)?)
}

pub(super) fn certificate_der(pem: &[u8]) -> Result<CertificateDer<'static>, AuthorityError> {
    CertificateDer::from_pem_slice(pem).map_err(|error| AuthorityError::Root(error.to_string().into()))
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
