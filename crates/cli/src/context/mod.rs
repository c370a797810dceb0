//! Contexts: named ways to daemons, kept where and as Docker's client keeps them, so that both know the same ones.
//!
//! `<config>/contexts/meta/<sha256 of the name>/meta.json` and `<config>/contexts/tls/<same>/docker/{ca,cert,key}.pem`.
//! In: names. Out: addresses and TLS files. `archive` is a context as a file for another machine.

pub(crate) mod archive;
mod record;
mod zip;

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;

pub(crate) use record::{Record, Secrets};

/// The context that is no stored one: what flags and environment say.
pub(crate) const DEFAULT: &str = "default";
/// The names of a context's TLS files.
pub(crate) const TLS_FILES: [&str; 3] = ["ca.pem", "cert.pem", "key.pem"];
/// The largest file of a context that is read.
const MAX_BYTES: u64 = 1 << 20;
/// Most contexts that are listed.
const MAX_CONTEXTS: usize = 4096;

/// The folder of all contexts.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

impl Store {
    /// The store in the user's configuration folder.
    pub(crate) fn new(config: &Path) -> Self {
        Self { root: config.join("contexts") }
    }

    /// Where a context's record is.
    pub(crate) fn meta_folder(&self, name: &str) -> PathBuf {
        self.root.join("meta").join(id(name))
    }

    /// Where a context's TLS files are.
    pub(crate) fn tls_folder(&self, name: &str) -> PathBuf {
        self.root.join("tls").join(id(name))
    }

    /// Every stored context, by name. One that cannot be read is told and left out.
    pub(crate) fn list(&self) -> Vec<Record> {
        let Ok(folders) = fs::read_dir(self.root.join("meta")) else { return Vec::new() };
        let mut found = Vec::new();
        for folder in folders.flatten().take(MAX_CONTEXTS) {
            match read(&folder.path().join("meta.json")).and_then(|bytes| Record::parse(&bytes)) {
                Ok(record) => found.push(record),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => crate::console::note(&format!("context {}: {error}", folder.path().display())),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// One context.
    pub(crate) fn get(&self, name: &str) -> Result<Record, Error> {
        let path = self.meta_folder(name).join("meta.json");
        let found = read(&path).and_then(|bytes| Record::parse(&bytes));
        found.map_err(|error| {
            let reason = crate::flag::file::reason(&error);
            Error::Usage(format!("context \"{name}\": context not found: open {}: {reason}", path.display()))
        })
    }

    /// Whether there is such a context.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.meta_folder(name).join("meta.json").is_file()
    }

    /// The TLS files of a context.
    pub(crate) fn secrets(&self, name: &str) -> Result<Secrets, Error> {
        let folder = self.tls_folder(name).join("docker");
        let mut secrets = Secrets::default();
        for file in TLS_FILES {
            let path = folder.join(file);
            match read(&path) {
                Ok(bytes) => secrets.set(file, bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::File { path: path.display().to_string(), source }),
            }
        }
        Ok(secrets)
    }

    /// Stores a context with its TLS files; none leaves those that are there. What if we die right here: the record is
    /// written last and in one step, so that a context is there with its files or not at all; files without a record are
    /// overwritten by the next of that name.
    pub(crate) fn save(&self, record: &Record, secrets: Option<&Secrets>) -> Result<(), Error> {
        let failed = |source| Error::File { path: self.root.display().to_string(), source };
        self.try_save(record, secrets).map_err(failed)
    }

    fn try_save(&self, record: &Record, secrets: Option<&Secrets>) -> io::Result<()> {
        if let Some(secrets) = secrets {
            let folder = self.tls_folder(&record.name).join("docker");
            remove(&folder)?;
            if !secrets.is_empty() {
                folder_for(&folder, 0o700)?;
            }
            for (name, bytes) in secrets.files() {
                write(&folder.join(name), bytes, 0o600)?;
            }
        }
        let folder = self.meta_folder(&record.name);
        folder_for(&folder, 0o755)?;
        let draft = folder.join("meta.json.new");
        write(&draft, record.json().to_string().as_bytes(), 0o644)?;
        fs::rename(draft, folder.join("meta.json"))
    }

    /// Removes a context; the record first, so that half a context is none.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let failed = |source| Error::File { path: self.root.display().to_string(), source };
        remove(&self.meta_folder(name)).map_err(failed)?;
        remove(&self.tls_folder(name)).map_err(failed)
    }
}

/// The folder's name for a context's name.
fn id(name: &str) -> String {
    hex::encode(Sha256::digest(name.as_bytes()))
}

/// Checks the name of a context to be made.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
    let good =
        name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(inner);
    match name {
        "" => Err(Error::Usage("context name cannot be empty".to_owned())),
        DEFAULT => Err(Error::Usage("\"default\" is a reserved context name".to_owned())),
        _ if good => Ok(()),
        _ => Err(Error::Usage(format!(
            "context name \"{name}\" is invalid, names are validated against regexp \"^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$\""
        ))),
    }
}

/// The name of the context in use: `flag`, else none where a host is named (`host`), else the environment's, else the
/// configuration file's.
pub(crate) fn current(
    flag: Option<&str>,
    host: bool,
    lookup: &dyn Fn(&str) -> Option<String>,
    configured: Option<&str>,
) -> String {
    if let Some(name) = flag {
        return name.to_owned();
    }
    if host || lookup("SHOAL_HOST").is_some() || lookup("DOCKER_HOST").is_some() {
        return DEFAULT.to_owned();
    }
    let named = lookup("SHOAL_CONTEXT").or_else(|| lookup("DOCKER_CONTEXT"));
    named.or_else(|| configured.map(str::to_owned)).unwrap_or_else(|| DEFAULT.to_owned())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("larger than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.write_all(bytes)
}

fn folder_for(path: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests;
