//! TLS to a daemon on TCP. Nothing here runs unless it is asked for.
//!
//! In: the names of PEM files. Out: a TLS stream, or a sentence why not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where Debian and others keep the system's certificate authorities.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The files of `--tls*`.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    /// `--tlsverify`: whether the daemon's certificate must be good.
    pub(crate) verify: bool,
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    /// Whether the user named the files: then they must exist.
    pub(crate) named: bool,
}

pub(super) async fn handshake(
    tcp: TcpStream,
    name: &str,
    files: &TlsFiles,
) -> Result<TlsStream<TcpStream>, String> {
    let config = config(files)?;
    let server = ServerName::try_from(name.to_owned())
        .map_err(|_| format!("'{name}' is not a name a certificate can have"))?;
    TlsConnector::from(Arc::new(config)).connect(server, tcp).await.map_err(|error| error.to_string())
}

fn config(files: &TlsFiles) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = if files.verify {
        builder.with_root_certificates(roots(files)?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer { provider }))
    };
    if !files.named && !files.cert.exists() {
        return Ok(builder.with_no_client_auth());
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, &error))?;
    builder.with_client_auth_cert(certificates(&files.cert)?, key).map_err(|error| error.to_string())
}

fn roots(files: &TlsFiles) -> Result<RootCertStore, String> {
    let path = if !files.named && !files.ca.exists() { Path::new(SYSTEM_ROOTS) } else { &files.ca };
    let mut store = RootCertStore::empty();
    let (good, _) = store.add_parsable_certificates(certificates(path)?);
    if good == 0 { Err(format!("{} holds no usable certificate", path.display())) } else { Ok(store) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> String {
    format!("could not read {}: {error}", path.display())
}

/// `--tls` without `--tlsverify`: encrypted, but to whom is not asked, as Docker defines that flag.
#[derive(Debug)]
struct AnyServer {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
