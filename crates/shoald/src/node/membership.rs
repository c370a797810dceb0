//! What a node remembers of its swarm: a directory with its key, its certificate and a record.
//!
//! The record is written last and removed first: it alone decides whether this machine is in a swarm, so a
//! crash while joining or leaving leaves either all of it or debris. The next start removes that, and so does the next join: a log
//! or a journal of another swarm must not be taken for one of this.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use manager::seal::Keyring;
use serde::{Deserialize, Serialize};
use swarm_api::tls::{Identity, NodeKey};

/// The version of the record's format.
const VERSION: u32 = 1;
const RECORD: &str = "node.json";
const CHAIN: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// The record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Membership {
    version: u32,
    /// Where a manager listens.
    pub(super) listen: SocketAddr,
    /// Where this node is reached.
    pub(super) advertise: SocketAddr,
    /// The same as the user wrote it: an interface's address is looked up again at each start. Empty: found out.
    /// None: nobody noted it, and the address stays.
    #[serde(default)]
    pub(super) advertise_text: Option<String>,
    /// Address or interface of overlay networks' traffic, as the user wrote it; empty: the advertised one.
    #[serde(default)]
    pub(super) data_path_addr: String,
    /// Managers this node joined by; empty on the one that made the swarm.
    pub(super) managers: Vec<String>,
    /// Whether this node is a manager.
    pub(super) manager: bool,
}

impl Membership {
    pub(super) fn new(listen: SocketAddr, advertise: SocketAddr) -> Self {
        Self {
            version: VERSION,
            listen,
            advertise,
            advertise_text: None,
            data_path_addr: String::new(),
            managers: Vec::new(),
            manager: true,
        }
    }

    /// Of a node that joined by these managers.
    pub(super) fn joined(
        listen: SocketAddr,
        advertise: SocketAddr,
        managers: Vec<String>,
        manager: bool,
    ) -> Self {
        Self { managers, manager, ..Self::new(listen, advertise) }
    }

    /// The same, as that of a manager.
    pub(super) fn promoted(self, advertise: SocketAddr) -> Self {
        Self { advertise, manager: true, ..self }
    }

    /// The same with what the user wrote of addresses.
    pub(super) fn written(self, advertise_text: &str, data_path_addr: &str) -> Self {
        let (advertise_text, data_path_addr) = (Some(advertise_text.to_owned()), data_path_addr.to_owned());
        Self { advertise_text, data_path_addr, ..self }
    }
}

/// Why what a node remembers of its swarm cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// It cannot be read, or is missing where it must be.
    #[error("{}: {error}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not as it was written.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        reason: String,
    },
    /// A newer daemon wrote it.
    #[error("{} has version {version}, this daemon knows {VERSION}: a newer one wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// What every version of the record has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The directory of the node's part in a swarm.
#[derive(Debug, Clone)]
pub(super) struct Dir {
    path: PathBuf,
    /// The keys under which the node's own is sealed, while this node is a manager.
    keys: Arc<Mutex<Option<Arc<Keyring>>>>,
}

impl Dir {
    pub(super) fn new(data_root: &Path) -> Self {
        Self { path: data_root.join("swarm"), keys: Arc::default() }
    }

    /// Where the managers' room keeps its log.
    pub(super) fn manager(&self) -> PathBuf {
        self.path.join("manager")
    }

    /// Where the worker keeps its journal.
    pub(super) fn worker(&self) -> PathBuf {
        self.path.join("worker")
    }

    /// Makes the directory, for root alone.
    pub(super) fn make(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// Seals the node's own key under these keys from the next time on that it is written, or not at all.
    pub(super) fn seal_under(&self, keys: Option<Arc<Keyring>>) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The record, if this machine is in a swarm.
    pub(super) fn record(&self) -> Result<Option<Membership>, Unusable> {
        let path = self.path.join(RECORD);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Unusable::Unread { path, error }),
        };
        // The version first: a newer record need have nothing else of what this one has.
        let damaged = |error: serde_json::Error| self.damaged(RECORD, error);
        match serde_json::from_str(&text).map_err(damaged)? {
            Versioned { version: VERSION } => serde_json::from_str(&text).map(Some).map_err(damaged),
            Versioned { version } => Err(Unusable::Newer { path, version }),
        }
    }

    /// The node's certificate and key, which a manager may have sealed under its keys.
    pub(super) fn identity(&self, keys: Option<&Keyring>) -> Result<Identity, Unusable> {
        let read = |name| {
            let path = self.path.join(name);
            fs::read_to_string(&path).map_err(|error| Unusable::Unread { path, error })
        };
        let mut key = read(KEY)?;
        if let Some(keys) = keys {
            key = keys.open_node_key(&key).map_err(|error| self.damaged(KEY, error))?;
        }
        Identity::from_pem(&read(CHAIN)?, &key).map_err(|error| self.damaged(CHAIN, error))
    }

    fn damaged(&self, name: &str, reason: impl std::fmt::Display) -> Unusable {
        Unusable::Damaged { path: self.path.join(name), reason: reason.to_string() }
    }

    /// Remembers the certificate, which may be a fresh one.
    pub(super) fn save_identity(&self, identity: &Identity) -> io::Result<()> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let key = match keys {
            Some(keys) => keys.seal_node_key(&identity.key_pem)?,
            None => identity.key_pem.clone(),
        };
        self.write(KEY, &key)?;
        self.write(CHAIN, &identity.chain_pem)
    }

    /// Remembers that this machine is in a swarm.
    pub(super) fn save(&self, membership: &Membership) -> io::Result<()> {
        self.write(RECORD, &serde_json::to_string(membership)?)
    }

    /// The key of an earlier attempt to join, or a fresh one: the same key becomes the same node.
    pub(super) fn key(&self) -> io::Result<NodeKey> {
        if let Ok(pem) = fs::read_to_string(self.path.join(KEY))
            && let Ok(key) = NodeKey::from_pem(&pem)
        {
            return Ok(key);
        }
        let key = NodeKey::generate().map_err(io::Error::other)?;
        self.write(KEY, &key.to_pem())?;
        Ok(key)
    }

    /// Forgets everything, the record first. When this returns it is so for good, also after a loss of power.
    pub(super) fn forget(&self) -> io::Result<()> {
        // The key too: with it the next join would be that of the node which has left.
        for name in [RECORD, KEY] {
            absent(fs::remove_file(self.path.join(name)))?;
        }
        absent(self.sync())?;
        absent(fs::remove_dir_all(&self.path))
    }

    /// Removes what a crash while joining or leaving has left of a part in a swarm, the record first. The key stays: it may be that
    /// of a join whose answer was missed, and whoever asks again with it becomes the same node.
    pub(super) fn clear(&self) -> io::Result<()> {
        absent(fs::remove_file(self.path.join(RECORD)))?;
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false if entry.file_name() == KEY => {}
                false => fs::remove_file(entry.path())?,
            }
        }
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }

    /// Writes a file whole or not at all, durable when this returns.
    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        // Two may write at a time: a renewal of the certificate, and a change of the lock.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let new = self.path.join(format!(".{name}.{number}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, self.path.join(name))?;
        self.sync()
    }
}

/// What is not there need not be removed.
fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_record_there_is_no_membership() {
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::new(root.path());
        assert!(dir.record().unwrap().is_none());
        dir.make().unwrap();
        let first = dir.key().unwrap().to_pem();
        assert_eq!(dir.key().unwrap().to_pem(), first, "the key of an attempt is kept");
        assert!(dir.record().unwrap().is_none());
        dir.forget().unwrap();
        dir.forget().unwrap();
        assert!(!root.path().join("swarm").exists());
    }

    fn made() -> (tempfile::TempDir, Dir) {
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::new(root.path());
        dir.make().unwrap();
        (root, dir)
    }

    fn bootstrapped(dir: &Dir) -> Identity {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let made = runtime.block_on(manager::bootstrap(manager::BootstrapConfig {
            state_dir: dir.manager(),
            advertise_addr: String::new(),
            availability: swarm_api::pb::NodeAvailability::Active,
            spec: None,
            root: None,
            clock: manager::clock::Clock::system(),
        }));
        made.unwrap()
    }

    #[test]
    fn what_a_leave_that_died_has_left_is_nothing_to_the_next_swarm() {
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::new(root.path());
        dir.clear().unwrap();
        dir.make().unwrap();
        dir.save_identity(&bootstrapped(&dir)).unwrap();
        fs::create_dir(dir.worker()).unwrap();
        fs::write(dir.worker().join("journal"), "tasks of another swarm").unwrap();
        let key = dir.key().unwrap().to_pem();
        dir.clear().unwrap();
        let names = fs::read_dir(root.path().join("swarm")).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [KEY], "neither a log nor a journal nor a certificate");
        assert_eq!(dir.key().unwrap().to_pem(), key);
    }

    #[test]
    fn the_nodes_key_is_sealed_while_its_manager_is_locked() {
        let (root, dir) = made();
        let identity = bootstrapped(&dir);
        let keys = Arc::new(manager::open_keys(&dir.manager(), None).unwrap().unwrap());
        dir.seal_under(Some(keys.clone()));
        let file = root.path().join("swarm").join(KEY);
        dir.save_identity(&identity).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), identity.key_pem, "not locked");
        let unlock = manager::seal::UnlockKey::generate().unwrap();
        keys.relock(Some(unlock)).unwrap();
        dir.save_identity(&identity).unwrap();
        assert!(!fs::read_to_string(&file).unwrap().contains("PRIVATE KEY"));
        assert!(dir.identity(None).is_err());
        assert_eq!(dir.identity(Some(&keys)).unwrap().key_pem, identity.key_pem);
    }

    #[test]
    fn a_newer_record_is_refused() {
        let (root, dir) = made();
        let any = "127.0.0.1:1".parse().unwrap();
        let newer = Membership { version: VERSION + 1, ..Membership::new(any, any) };
        dir.save(&newer).unwrap();
        let error = dir.record().unwrap_err().to_string();
        assert!(error.contains("newer"), "{error}");
        // What it says besides is that version's own affair.
        dir.write(RECORD, r#"{"version":7,"listen":["[::]:2377"]}"#).unwrap();
        let file = root.path().join("swarm").join(RECORD);
        let said = format!("{} has version 7, this daemon knows 1: a newer one wrote it", file.display());
        assert_eq!(dir.record().unwrap_err().to_string(), said);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let (root, dir) = made();
        let named = |name: &str, said: String| {
            let path = root.path().join("swarm").join(name);
            assert!(said.starts_with(path.to_str().unwrap()), "{said}");
        };
        dir.write(RECORD, "{").unwrap();
        named(RECORD, dir.record().unwrap_err().to_string());
        named(KEY, dir.identity(None).unwrap_err().to_string());
        dir.key().unwrap();
        named(CHAIN, dir.identity(None).unwrap_err().to_string());
        dir.write(CHAIN, "no certificate").unwrap();
        named(CHAIN, dir.identity(None).unwrap_err().to_string());
    }
}
