//! `certs.d`: whom to trust as a registry, and who we are to it.
//!
//! In: directories that hold one directory per `host[:port]`, as Docker's `/etc/docker/certs.d`. There `*.crt` are
//! certificates to trust beside the machine's own, `NAME.cert` and `NAME.key` are what we show. Out: a TLS configuration.
//! A certificate that is itself in a `*.crt` is trusted as it is, also when it calls itself an authority, as those made
//! with one call of openssl do.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use rustls_platform_verifier::Verifier;

use crate::{Error, Result, store::read_small};

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Most files of a directory that are looked at.
const MAX_FILES: usize = 64;

/// What `certs.d` has for one registry.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// Our own chain and its key: the first pair by name.
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// The directories that speak of a registry.
pub(crate) fn directories(all: &[PathBuf], host: &str) -> Vec<PathBuf> {
    // `host` was checked as part of a reference or comes from the configuration; a path within it is none.
    if host.is_empty() || host.contains('/') || host.starts_with('.') {
        return Vec::new();
    }
    all.iter().map(|directory| directory.join(host)).filter(|directory| directory.is_dir()).collect()
}

impl Certificates {
    /// Reads the directories of a registry.
    ///
    /// # Errors
    /// In Docker's words when a certificate lacks its key, or a key its certificate; when a file holds none.
    pub(crate) fn read(directories: &[PathBuf]) -> Result<Certificates> {
        let mut found = Certificates::default();
        for directory in directories {
            for path in files(directory)? {
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("crt") => found.authorities.extend(certificates(&path)?),
                    Some("cert") => {
                        let key = path.with_extension("key");
                        if !key.exists() {
                            return Err(wrong(&format!(
                                "missing key {} for client certificate {}. CA certificates must use the extension .crt",
                                name(&key),
                                name(&path)
                            )));
                        }
                        if found.own.is_none() {
                            found.own = Some((certificates(&path)?, private_key(&key)?));
                        }
                    }
                    Some("key") if !path.with_extension("cert").exists() => {
                        let certificate = path.with_extension("cert");
                        let words = format!(
                            "missing client certificate {} for key {}",
                            name(&certificate),
                            name(&path)
                        );
                        return Err(wrong(&words));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    /// The TLS configuration for this registry; `is_verified` says whether its certificate is looked at.
    pub(crate) fn configure(self, is_verified: bool) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let inner = Verifier::new_with_extra_roots(self.authorities.iter().cloned(), provider.clone())
            .map_err(|error| wrong(&error.to_string()))?;
        let verifier = Trust { inner, pinned: self.authorities, is_verified };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        match self.own {
            None => Ok(config.with_no_client_auth()),
            Some((chain, key)) => {
                config.with_client_auth_cert(chain, key).map_err(|error| wrong(&error.to_string()))
            }
        }
    }
}

/// Trusts what the machine trusts, and the certificates that lie in `certs.d`.
#[derive(Debug)]
struct Trust {
    inner: Verifier,
    pinned: Vec<CertificateDer<'static>>,
    is_verified: bool,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.is_verified {
            return Ok(ServerCertVerified::assertion());
        }
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // Out of date or for another name stays so; only who signed it is settled by its lying there.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            )) => verified,
            Err(_) if self.pinned.iter().any(|pinned| pinned == end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The files of a directory by name.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).map_err(Error::io("read", directory))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.truncate(MAX_FILES);
    Ok(files)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = read_small(path, MAX_FILE_BYTES)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(wrong(&format!("no certificate in {}", path.display()))),
        Err(error) => Err(wrong(&format!("certificate {}: {error}", path.display()))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let pem = read_small(path, MAX_FILE_BYTES)?;
    // What is wrong with a key is told without any of it.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| wrong(&format!("no private key in {}", path.display())))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn wrong(words: &str) -> Error {
    Error::Certificate(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_a_pair_are_told() {
        let all = tempfile::tempdir().unwrap();
        let own = all.path().join("reg.example:5000");
        fs::create_dir(&own).unwrap();
        let found = directories(&[all.path().to_owned()], "reg.example:5000");
        assert_eq!(found, std::slice::from_ref(&own));
        assert!(directories(&[all.path().to_owned()], "..").is_empty());
        let words = || Certificates::read(&found).unwrap_err().to_string();
        fs::write(own.join("client.key"), "").unwrap();
        assert_eq!(words(), "missing client certificate client.cert for key client.key");
        fs::rename(own.join("client.key"), own.join("client.cert")).unwrap();
        assert!(words().starts_with("missing key client.key for client certificate client.cert."));
        fs::rename(own.join("client.cert"), own.join("ca.crt")).unwrap();
        assert!(words().starts_with("no certificate in "));
    }
}
