//! Debian's `docker-registry` as a process of its own: plain, or with TLS, client certificates and passwords.
//!
//! In: how it should be. Out: an address and the files a client needs. It is ended, and its directory removed, on drop.
//! Two registries may share what they keep: see [`Options::data`].

mod certificate;
mod upload;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub use certificate::Authority;
pub use upload::{Upload, digest, manifest};

use crate::eventually;

/// The name and password of registries that ask for them.
pub const USER: (&str, &str) = ("shoal", "secret");
/// The same as the registry reads it; only bcrypt is accepted there.
const USER_LINE: &str = "shoal:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

/// How a registry should be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens.
    pub ip: IpAddr,
    /// TLS with a certificate of a private authority.
    pub tls: bool,
    /// Clients need a certificate of that authority.
    pub client_certificates: bool,
    /// Clients need [`USER`].
    pub password: bool,
    /// Where another registry keeps its content; a directory of its own if none.
    pub data: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let ip = Ipv4Addr::LOCALHOST.into();
        Self { ip, tls: false, client_certificates: false, password: false, data: None }
    }
}

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who signed its certificate, and signs those of clients.
    pub authority: Authority,
    child: Child,
    dir: tempfile::TempDir,
    data: PathBuf,
}

impl Registry {
    /// A registry in the clear that anybody may use.
    ///
    /// # Panics
    /// As [`Registry::with`].
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    /// Starts a registry and waits until it listens.
    ///
    /// # Panics
    /// When docker-registry is not installed or does not listen.
    pub fn with(options: Options) -> Self {
        let dir =
            tempfile::Builder::new().prefix("shoal-registry.").tempdir().expect("a temporary directory");
        let free = TcpListener::bind((options.ip, 0)).expect("a free port");
        let address = free.local_addr().expect("an address");
        let authority = Authority::new();
        let data = options.data.clone().unwrap_or_else(|| dir.path().join("data"));
        let config = dir.path().join("config.yml");
        fs::write(&config, text(&options, address, &data, dir.path(), &authority)).expect("a configuration");
        drop(free);
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        let log = fs::File::create(dir.path().join("log")).expect("a log");
        let child = command.stderr(log).spawn().expect("docker-registry is installed by `cargo xtask test`");
        let registry = Self { address, authority, child, dir, data };
        eventually("the registry listens", || TcpStream::connect(address));
        registry
    }

    /// The name of an image here: `127.0.0.1:5000/a:1`.
    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// Where its content lies, for [`Options::data`].
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Writes `<dir>/<address>/` with what a client needs to trust this registry, and a client certificate.
    ///
    /// # Panics
    /// When the directory cannot be written.
    pub fn write_certs(&self, dir: &Path) {
        let own = dir.join(self.address.to_string());
        fs::create_dir_all(&own).expect("a directory");
        let (certificate, key) = self.authority.sign("client");
        let write = |name: &str, text: &str| fs::write(own.join(name), text).expect("a file");
        write("ca.crt", &self.authority.pem());
        write("client.cert", &certificate);
        write("client.key", &key);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; it is waited for in any case.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The registry's own configuration; writes the files it names.
fn text(options: &Options, address: SocketAddr, data: &Path, dir: &Path, authority: &Authority) -> String {
    let mut text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage:\n  delete: {{enabled: true}}\n  filesystem: {{rootdirectory: {}}}\n",
        data.display()
    );
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    if options.password {
        let file = write("htpasswd", USER_LINE);
        text.push_str(&format!("auth:\n  htpasswd: {{realm: test, path: {file}}}\n"));
    }
    text.push_str(&format!("http:\n  addr: \"{address}\"\n"));
    if options.tls {
        let (certificate, key) = authority.sign(&address.ip().to_string());
        let (certificate, key) = (write("server.crt", &certificate), write("server.key", &key));
        text.push_str(&format!("  tls:\n    certificate: {certificate}\n    key: {key}\n"));
        if options.client_certificates {
            text.push_str(&format!("    clientcas: [{}]\n", write("ca.crt", &authority.pem())));
        }
    }
    text
}
