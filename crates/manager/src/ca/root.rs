//! Roots: a fresh one, one that a user gave, and how one vouches for the next.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SubjectPublicKeyInfo,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use swarm_api::default::CLOCK_SKEW;
use swarm_api::pb;
use swarm_api::token::RootDigest;
use x509_parser::asn1_rs::Tag;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use super::AuthorityError;
use super::authority::{certificate_der, key, text, time};

/// Twenty years, as swarmkit's.
const VALIDITY: Duration = Duration::from_secs(20 * 365 * 24 * 3600);
/// A root that a user gives must last a year.
const MIN_VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);
/// What a user gives is not longer, in bytes.
const MAX_GIVEN: usize = 64 * 1024;
const NAME: &str = "swarm-ca";
/// Why a certificate alone is not enough.
pub(super) const EXTERNAL: &str =
    "the CA certificate needs its key: external certificate authorities are not implemented";

/// A root's certificate and key, both as PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(super) certificate_pem: Vec<u8>,
    pub(super) key_pem: Vec<u8>,
}

/// A fresh authority.
pub(crate) fn generate(now_ns: i64) -> Result<pb::RootCa, AuthorityError> {
    authority(Root::generate(now_ns)?)
}

/// The authority that a user gave, if certificates can be signed with it.
pub(crate) fn given(
    certificate_pem: &[u8],
    key_pem: &[u8],
    now_ns: i64,
) -> Result<pb::RootCa, AuthorityError> {
    let missing = |text: &'static str| Err(AuthorityError::Given(text.into()));
    match (certificate_pem, key_pem) {
        ([], _) => missing("if a signing CA key is provided, the signing CA cert must also be provided"),
        (_, []) => missing(EXTERNAL),
        _ => authority(Root::given(certificate_pem, key_pem, now_ns)?),
    }
}

fn authority(root: Root) -> Result<pb::RootCa, AuthorityError> {
    Ok(pb::RootCa {
        digest: RootDigest::of(&certificate_der(&root.certificate_pem)?).hex(),
        issuer_digest: issuer_digest(&root.certificate_pem)?,
        certificate_pem: root.certificate_pem,
        key_pem: root.key_pem,
        ..Default::default()
    })
}

/// The digest of the public key of a root, by which nodes know who is to have signed their certificate.
pub(super) fn issuer_digest(certificate_pem: &[u8]) -> Result<String, AuthorityError> {
    let der = certificate_der(certificate_pem)?;
    Ok(RootDigest::of(parsed(&der)?.public_key().raw).hex())
}

impl Root {
    /// A fresh root: a P-256 key and a certificate that signs itself.
    pub(super) fn generate(now_ns: i64) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params(now_ns)?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate_pem: certificate.pem().into_bytes(),
            key_pem: key.serialize_pem().into_bytes(),
        })
    }

    /// The root that a user gave, if certificates can be signed with it.
    pub(super) fn given(certificate_pem: &[u8], key_pem: &[u8], now_ns: i64) -> Result<Self, AuthorityError> {
        let refused = |reason: &'static str| AuthorityError::Given(reason.into());
        let unread = |error: &dyn std::fmt::Display| {
            AuthorityError::Given(format!("the CA key cannot be used: {error}").into())
        };
        if certificate_pem.len() > MAX_GIVEN || key_pem.len() > MAX_GIVEN {
            return Err(refused("the CA certificate or its key is too long"));
        }
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(certificate_pem).collect::<Result<_, _>>().map_err(|error| {
                AuthorityError::Given(format!("the CA certificate cannot be read: {error}").into())
            })?;
        let der = match &certificates[..] {
            [one] => one,
            [] => return Err(refused("the CA certificate cannot be read: there is none")),
            _ => return Err(refused("the desired CA certificate cannot contain multiple certificates")),
        };
        let certificate = parsed(der)?;
        if !certificate.is_ca() {
            return Err(refused("the CA certificate is not one of an authority"));
        }
        let least = (time(now_ns)? + MIN_VALIDITY).unix_timestamp();
        if certificate.validity().not_after.timestamp() < least {
            return Err(refused("CA certificate expires too soon"));
        }
        let pair = key(key_pem).map_err(|error| unread(&error))?;
        if pair.der_bytes() != certificate.public_key().subject_public_key.data.as_ref() {
            return Err(refused("the CA certificate and key do not match"));
        }
        let root =
            Self { certificate_pem: block(certificate_pem)?, key_pem: pair.serialize_pem().into_bytes() };
        // A name that we would write otherwise than it is would lead to no root.
        let again = root.crossed_by(&root, now_ns)?;
        let again = certificate_der(&again)?;
        let again = parsed(&again)?;
        if again.subject().as_raw() != certificate.subject().as_raw()
            || again.issuer().as_raw() != certificate.subject().as_raw()
        {
            return Err(refused("the subject of the CA certificate is of a form that is not supported"));
        }
        Ok(root)
    }

    /// A certificate for this root's name and key that is signed by `earlier`: who trusts that one trusts this one by it.
    pub(super) fn crossed_by(&self, earlier: &Self, now_ns: i64) -> Result<Vec<u8>, AuthorityError> {
        let der = certificate_der(&self.certificate_pem)?;
        let certificate = parsed(&der)?;
        let mut params = params(now_ns)?;
        params.distinguished_name = name(certificate.subject())?;
        params.use_authority_key_identifier_extension = true;
        let subject_key = SubjectPublicKeyInfo::from_der(certificate.public_key().raw)?;
        let issuer =
            Issuer::from_ca_cert_der(&certificate_der(&earlier.certificate_pem)?, key(&earlier.key_pem)?)?;
        Ok(params.signed_by(&subject_key, &issuer)?.pem().into_bytes())
    }

    /// Whether it is the certificate of this PEM.
    pub(super) fn is(&self, certificate_pem: &[u8]) -> bool {
        self.certificate_pem == certificate_pem
    }
}

/// The first certificate of what a user gave, as we write it.
pub(super) fn normalized(given_pem: &[u8]) -> Result<Vec<u8>, AuthorityError> {
    certificate_der(given_pem).map_err(|error| {
        AuthorityError::Given(format!("the CA certificate cannot be read: {error}").into())
    })?;
    block(given_pem)
}

/// What every root's certificate says, but for its name. Roots sign those of later roots too, so the path is not limited.
fn params(now_ns: i64) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = time(now_ns)? - CLOCK_SKEW;
    params.not_after = time(now_ns)? + VALIDITY;
    Ok(params)
}

fn parsed<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, AuthorityError> {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => Ok(certificate),
        Err(error) => {
            Err(AuthorityError::Given(format!("the CA certificate cannot be read: {error}").into()))
        }
    }
}

/// The same name in the form that certificates are made with.
fn name(subject: &X509Name<'_>) -> Result<DistinguishedName, AuthorityError> {
    let unsupported = || {
        AuthorityError::Given("the subject of the CA certificate is of a form that is not supported".into())
    };
    let mut name = DistinguishedName::new();
    for attribute in subject.iter_attributes() {
        let oid: Vec<u64> = attribute.attr_type().iter().ok_or_else(unsupported)?.collect();
        let value = attribute.attr_value();
        let text = std::str::from_utf8(value.data).map_err(|_| unsupported())?;
        let value = match value.header.tag() {
            Tag::Utf8String => DnValue::Utf8String(text.to_owned()),
            Tag::PrintableString => DnValue::PrintableString(text.try_into().map_err(|_| unsupported())?),
            Tag::Ia5String => DnValue::Ia5String(text.try_into().map_err(|_| unsupported())?),
            _ => return Err(unsupported()),
        };
        name.push(DnType::from_oid(&oid), value);
    }
    Ok(name)
}

/// The one certificate of a PEM as every other of the store is written: its block alone, lines ended as here.
fn block(pem: &[u8]) -> Result<Vec<u8>, AuthorityError> {
    const END: &str = "-----END CERTIFICATE-----";
    let pem = text(pem)?;
    let begin = pem.find("-----BEGIN CERTIFICATE-----").unwrap_or(0);
    let end = pem.find(END).map_or(pem.len(), |end| end + END.len());
    let lines = pem.get(begin..end).unwrap_or_default().lines().map(str::trim);
    Ok(lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes())
}
