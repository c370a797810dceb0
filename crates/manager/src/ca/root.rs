//! Makes a root: a P-256 key and a certificate that signs itself.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use swarm_api::pb;
use swarm_api::token::RootDigest;

use super::AuthorityError;
use super::authority::{CLOCK_SKEW, time};

/// Twenty years, as swarmkit's.
const VALIDITY: Duration = Duration::from_secs(20 * 365 * 24 * 3600);
const NAME: &str = "swarm-ca";

/// A fresh root.
pub(crate) fn generate(now_ns: i64) -> Result<pb::RootCa, AuthorityError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    // It signs nodes' certificates and nothing that signs in its turn.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = time(now_ns)? - CLOCK_SKEW;
    params.not_after = time(now_ns)? + VALIDITY;
    let certificate = params.self_signed(&key)?;
    Ok(pb::RootCa {
        certificate_pem: certificate.pem().into_bytes(),
        key_pem: key.serialize_pem().into_bytes(),
        digest: RootDigest::of(certificate.der()).hex(),
    })
}
