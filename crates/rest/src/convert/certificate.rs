//! The parts of a root certificate that the API tells: its subject and its public key, as base64 of DER.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::parse_x509_pem;

/// Of a certificate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) subject: String,
    pub(super) public_key: String,
}

/// Reads the first certificate of a PEM file; `None` if there is none.
pub(super) fn subject_and_key(pem: &[u8]) -> Option<Parts> {
    let (_, block) = parse_x509_pem(pem).ok()?;
    let certificate = block.parse_x509().ok()?;
    Some(Parts {
        subject: STANDARD.encode(certificate.tbs_certificate.subject.as_raw()),
        public_key: STANDARD.encode(certificate.tbs_certificate.subject_pki.raw),
    })
}
