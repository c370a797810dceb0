//! A node's private key, and the request to have its public half certified.

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use thiserror::Error;

/// A P-256 key.
pub struct NodeKey(KeyPair);

/// A key could not be made, read or used.
#[derive(Debug, Error)]
#[error("node key: {0}")]
pub struct KeyError(#[from] rcgen::Error);

impl NodeKey {
    /// A fresh key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))
    }

    /// The key of this PEM.
    ///
    /// # Errors
    /// When it is no private key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Ok(Self(KeyPair::from_pem(pem)?))
    }

    /// PKCS #8, PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// A certificate signing request, DER. It proves that we have the key and asks for nothing by name.
    ///
    /// # Errors
    /// When signing fails.
    pub fn csr_der(&self) -> Result<Vec<u8>, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&self.0)?.der().to_vec())
    }
}
