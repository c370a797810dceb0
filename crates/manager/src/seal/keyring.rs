//! The keys of one manager, in a file beside what they seal.
//!
//! New records are sealed under the newest data key; older ones stay until nothing is sealed under them any more. A new data key
//! comes whenever the lock changes, and long before a key has sealed so much that a nonce could repeat. The node's own key (that of
//! its certificate) is sealed under a key of its own in the ring, so that a change of the lock replaces one file at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prost::Message;
use sha2::{Digest, Sha256};
use swarm_api::pb;
use thiserror::Error;

use super::{Key, UnlockKey};

const NAME: &str = "keys";
const NEW_NAME: &str = "keys.new";
/// The version of the file's format.
const FORMAT: u32 = 1;
/// The file is not longer, or it is none of ours.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// What the sealed set is sealed as.
const SET_CONTEXT: &[u8] = b"shoal keys";
const NODE_CONTEXT: &[u8] = b"shoal node key";
/// How a sealed node key begins.
const NODE_PREFIX: &str = "SHOAL-SEALED-1";
/// Keys of the node's key that are kept: the file of that key is written after the ring.
const KEPT_NODE_KEYS: usize = 2;
/// After so many records a data key is replaced: at 2^28 random nonces two are equal with a chance of 2^-41.
const MAX_RECORDS: u64 = 1 << 28;

/// Why the keys of a manager cannot be had.
#[derive(Debug, Error)]
pub enum SealError {
    /// They are sealed, and no unlock key was given.
    #[error("the swarm's keys in {} are locked", .0.display())]
    Locked(PathBuf),
    /// They are sealed under another unlock key.
    #[error("swarm could not be unlocked: invalid key provided")]
    InvalidKey,
    /// A newer version wrote them.
    #[error(
        "the swarm's keys in {} have format {format}, this version knows {FORMAT}: a newer one wrote them",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The file is not as it was written.
    #[error("the swarm's keys in {} are damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        what: &'static str,
    },
    /// The file cannot be read or written.
    #[error("the swarm's keys in {}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound => error,
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// The keys, open.
#[derive(Debug)]
pub struct Keyring {
    directory: PathBuf,
    ring: Mutex<Ring>,
    /// Records sealed under the newest data key by this process.
    records: AtomicU64,
}

#[derive(Clone, Debug)]
struct Ring {
    /// The data key that seals, with its id.
    newest: (u64, Arc<Key>),
    /// Those before it.
    old: BTreeMap<u64, Arc<Key>>,
    node: BTreeMap<u64, Arc<Key>>,
    lock: Option<UnlockKey>,
}

impl Ring {
    fn new(lock: Option<UnlockKey>) -> io::Result<Self> {
        let node = BTreeMap::from([(1, Arc::new(Key::generate()?))]);
        Ok(Self { newest: (1, Arc::new(Key::generate()?)), old: BTreeMap::new(), node, lock })
    }

    /// Begins a data key and a key of the node's key.
    fn renew(&mut self) -> io::Result<()> {
        let fresh = (self.newest.0 + 1, Arc::new(Key::generate()?));
        let (id, key) = std::mem::replace(&mut self.newest, fresh);
        self.old.insert(id, key);
        let next = self.node.keys().next_back().map_or(1, |id| id + 1);
        self.node.insert(next, Arc::new(Key::generate()?));
        while self.node.len() > KEPT_NODE_KEYS {
            self.node.pop_first();
        }
        Ok(())
    }
}

impl Keyring {
    /// Makes the keys of a new log in this directory, not locked. Those that are there are replaced.
    pub(crate) fn create(directory: &Path) -> Result<Self, SealError> {
        let ring = Ring::new(None).map_err(|error| failed(directory, error))?;
        Self::with(directory, ring)
    }

    /// Makes keys for a log that takes the place of this one: the lock and the node's key stay as they are.
    pub(crate) fn successor(&self, directory: &Path) -> Result<Self, SealError> {
        let mut ring = Ring::new(self.lock()).map_err(|error| failed(directory, error))?;
        ring.node = self.ring().node.clone();
        Self::with(directory, ring)
    }

    fn with(directory: &Path, ring: Ring) -> Result<Self, SealError> {
        write(directory, &ring).map_err(|error| failed(directory, error))?;
        Ok(Self { directory: directory.to_owned(), ring: Mutex::new(ring), records: AtomicU64::new(0) })
    }

    /// Opens the keys of this directory; `None` when it has none.
    pub(crate) fn open(directory: &Path, unlock: Option<&UnlockKey>) -> Result<Option<Self>, SealError> {
        let Some(ring) = read(&directory.join(NAME), unlock)? else { return Ok(None) };
        let directory = directory.to_owned();
        Ok(Some(Self { directory, ring: Mutex::new(ring), records: AtomicU64::new(0) }))
    }

    /// Under which unlock key they are sealed; none: they lie open.
    #[must_use]
    pub fn lock(&self) -> Option<UnlockKey> {
        self.ring().lock.clone()
    }

    /// Locks the keys with this unlock key, or with none, and begins new keys. When this returns it is on disk.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn relock(&self, lock: Option<UnlockKey>) -> Result<(), SealError> {
        self.change(|ring| {
            ring.lock = lock;
            ring.renew()
        })?;
        self.records.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Begins a new data key if the newest has sealed much.
    pub(crate) fn refresh(&self) -> Result<bool, SealError> {
        if self.records.load(Ordering::Relaxed) < MAX_RECORDS {
            return Ok(false);
        }
        let lock = self.lock();
        self.relock(lock).map(|()| true)
    }

    /// The key that seals, with its id; `records` says for how many.
    pub(crate) fn newest(&self, records: u64) -> (u64, Arc<Key>) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.ring().newest.clone()
    }

    /// The data key of this id.
    pub(crate) fn key(&self, id: u64) -> Option<Arc<Key>> {
        let ring = self.ring();
        if ring.newest.0 == id { Some(ring.newest.1.clone()) } else { ring.old.get(&id).cloned() }
    }

    /// Whether there are data keys besides the one that seals.
    pub(crate) fn has_old(&self) -> bool {
        !self.ring().old.is_empty()
    }

    /// Forgets the data keys that nothing uses. `used` is asked after those in use by a writer have been set aside: a writer can
    /// only begin with the newest, so what is neither in its hands nor found afterwards is used by nothing.
    pub(crate) fn retain(&self, used: impl FnOnce() -> io::Result<BTreeSet<u64>>) -> io::Result<()> {
        let idle: BTreeSet<u64> = {
            let ring = self.ring();
            let idle = ring.old.iter().filter(|(_, key)| Arc::strong_count(key) == 1);
            idle.map(|(id, _)| *id).collect()
        };
        if idle.is_empty() {
            return Ok(());
        }
        let used = used()?;
        let unused: Vec<u64> = idle.difference(&used).copied().collect();
        if unused.is_empty() {
            return Ok(());
        }
        self.change(|ring| {
            ring.old.retain(|id, _| !unused.contains(id));
            Ok(())
        })?;
        Ok(())
    }

    /// The node's private key as its file is to hold it: sealed if the swarm locks its managers.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn seal_node_key(&self, pem: &str) -> io::Result<String> {
        let ring = self.ring();
        let (Some(_), Some((id, key))) = (&ring.lock, ring.node.last_key_value()) else {
            return Ok(pem.to_owned());
        };
        let sealed = key.seal(NODE_CONTEXT, pem.as_bytes())?;
        Ok(format!("{NODE_PREFIX} {id} {}\n", BASE64_STANDARD.encode(sealed)))
    }

    /// What [`Self::seal_node_key`] sealed; what is not sealed is given back as it is.
    ///
    /// # Errors
    /// When it was sealed under other keys.
    pub fn open_node_key(&self, text: &str) -> Result<String, SealError> {
        if !is_sealed_node_key(text) {
            return Ok(text.to_owned());
        }
        let mut parts = text.split_whitespace().skip(1);
        let key = parts.next().and_then(|id| self.ring().node.get(&id.parse().ok()?).cloned());
        let sealed = parts.next().and_then(|text| BASE64_STANDARD.decode(text).ok());
        let opened = key.zip(sealed).and_then(|(key, sealed)| key.open(NODE_CONTEXT, &sealed).ok());
        opened.and_then(|pem| String::from_utf8(pem).ok()).ok_or_else(|| SealError::Damaged {
            path: self.directory.join(NAME),
            what: "they do not open this node's key",
        })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the ring on disk, then in memory. Only one thread of a manager changes its ring at a time.
    fn change(&self, change: impl FnOnce(&mut Ring) -> io::Result<()>) -> Result<(), SealError> {
        let mut ring = self.ring().clone();
        let done = change(&mut ring).and_then(|()| write(&self.directory, &ring));
        done.map_err(|error| failed(&self.directory, error))?;
        *self.ring() = ring;
        Ok(())
    }
}

/// Whether this text is a node key that [`Keyring::seal_node_key`] has sealed.
fn is_sealed_node_key(text: &str) -> bool {
    text.starts_with(NODE_PREFIX)
}

fn failed(path: &Path, error: io::Error) -> SealError {
    SealError::Io { path: path.to_owned(), error }
}

fn write(directory: &Path, ring: &Ring) -> io::Result<()> {
    let keys = |keys: &BTreeMap<u64, Arc<Key>>| {
        keys.iter().map(|(id, key)| pb::SecretKey { id: *id, secret: key.secret().to_vec() }).collect()
    };
    let mut data = ring.old.clone();
    data.insert(ring.newest.0, ring.newest.1.clone());
    let set = pb::KeySet { data: keys(&data), node: keys(&ring.node) }.encode_to_vec();
    let (set, locked) = match &ring.lock {
        Some(unlock) => (unlock.key()?.seal(SET_CONTEXT, &set)?, true),
        None => (set, false),
    };
    let sha256 = digest(FORMAT, &set, locked);
    let bytes = pb::KeyFile { format: FORMAT, set, locked, sha256 }.encode_to_vec();
    let new = directory.join(NEW_NAME);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, directory.join(NAME))?;
    fs::File::open(directory)?.sync_all()
}

fn read(path: &Path, unlock: Option<&UnlockKey>) -> Result<Option<Ring>, SealError> {
    let damaged = |what| SealError::Damaged { path: path.to_owned(), what };
    let bytes = match fs::metadata(path) {
        Ok(found) if found.len() > MAX_FILE_BYTES => return Err(damaged("the file is too long")),
        Ok(_) => fs::read(path).map_err(|error| failed(path, error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, error)),
    };
    let file = pb::KeyFile::decode(bytes.as_slice()).map_err(|_| damaged("the file cannot be read"))?;
    if file.format > FORMAT {
        return Err(SealError::Newer { path: path.to_owned(), format: file.format });
    }
    if file.sha256 != digest(file.format, &file.set, file.locked) {
        return Err(damaged("the digest does not match"));
    }
    let (set, lock) = match (file.locked, unlock) {
        (false, _) => (file.set, None),
        (true, None) => return Err(SealError::Locked(path.to_owned())),
        (true, Some(unlock)) => {
            let key = unlock.key().map_err(|error| failed(path, error))?;
            (key.open(SET_CONTEXT, &file.set).map_err(|_| SealError::InvalidKey)?, Some(unlock.clone()))
        }
    };
    let set = pb::KeySet::decode(set.as_slice()).map_err(|_| damaged("the keys cannot be read"))?;
    let keys = |keys: Vec<pb::SecretKey>| {
        let key = |key: pb::SecretKey| {
            let secret = key.secret.as_slice().try_into().map_err(|_| damaged("a key is too short"))?;
            Ok((key.id, Arc::new(Key::from_secret(secret).map_err(|error| failed(path, error))?)))
        };
        keys.into_iter().map(key).collect::<Result<BTreeMap<_, _>, SealError>>()
    };
    let mut old = keys(set.data)?;
    let newest = old.pop_last().ok_or_else(|| damaged("there is no key"))?;
    Ok(Some(Ring { newest, old, node: keys(set.node)?, lock }))
}

fn digest(format: u32, set: &[u8], locked: bool) -> Vec<u8> {
    let hasher = Sha256::new().chain_update(format.to_be_bytes()).chain_update([u8::from(locked)]);
    hasher.chain_update(set).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary directory")
    }

    fn reopened(directory: &Path, unlock: Option<&UnlockKey>) -> Result<Keyring, SealError> {
        Keyring::open(directory, unlock).map(|ring| ring.expect("has keys"))
    }

    #[test]
    fn a_locked_ring_opens_with_its_key_alone() {
        let directory = directory();
        let path = directory.path();
        assert!(Keyring::open(path, None).expect("nothing is wrong").is_none());
        let ring = Keyring::create(path).expect("makes keys");
        let sealed = ring.newest(1).1.seal(b"x", b"text").expect("seals");
        assert_eq!(
            reopened(path, None).expect("lies open").newest(1).1.open(b"x", &sealed).expect("opens"),
            b"text"
        );

        let (unlock, other) = (UnlockKey::generate().expect("a key"), UnlockKey::generate().expect("a key"));
        ring.relock(Some(unlock.clone())).expect("locks");
        assert!(matches!(reopened(path, None), Err(SealError::Locked(_))));
        assert!(matches!(reopened(path, Some(&other)), Err(SealError::InvalidKey)));
        let again = reopened(path, Some(&unlock)).expect("unlocks");
        assert_eq!((again.newest(1).0, again.lock()), (2, Some(unlock)), "a new key with the lock");
        assert_eq!(again.key(1).expect("the old one is kept").open(b"x", &sealed).expect("opens"), b"text");
        again.relock(None).expect("unlocks for good");
        assert!(reopened(path, None).is_ok());
    }

    #[test]
    fn a_key_goes_when_nothing_uses_it() {
        let directory = directory();
        let ring = Keyring::create(directory.path()).expect("makes keys");
        ring.relock(None).expect("renews");
        let held = ring.newest(1).1;
        ring.relock(None).expect("renews");
        ring.retain(|| Ok(BTreeSet::from([1]))).expect("retains");
        assert!(ring.key(1).is_some() && ring.key(2).is_some() && ring.key(3).is_some());
        drop(held);
        ring.retain(|| Ok(BTreeSet::new())).expect("retains");
        assert!(ring.key(1).is_none() && ring.key(2).is_none() && ring.key(3).is_some());
        assert!(!reopened(directory.path(), None).expect("opens").has_old());
    }

    #[test]
    fn the_nodes_key_outlives_a_change_of_the_lock() {
        let directory = directory();
        let ring = Keyring::create(directory.path()).expect("makes keys");
        assert_eq!(ring.seal_node_key("pem").expect("lies open"), "pem");
        ring.relock(Some(UnlockKey::generate().expect("a key"))).expect("locks");
        let sealed = ring.seal_node_key("pem").expect("seals");
        assert!(is_sealed_node_key(&sealed) && !sealed.contains("pem"));
        ring.relock(Some(UnlockKey::generate().expect("a key"))).expect("locks");
        assert_eq!(ring.open_node_key(&sealed).expect("opens"), "pem");
        let next = directory.path().join("next");
        fs::create_dir(&next).expect("makes a directory");
        let successor = ring.successor(&next).expect("makes keys");
        assert_eq!(successor.open_node_key(&sealed).expect("opens"), "pem");
        let other = Keyring::create(&next).expect("makes keys");
        assert!(other.open_node_key(&sealed).is_err());
    }

    #[test]
    fn what_is_damaged_or_newer_is_refused() {
        let directory = directory();
        Keyring::create(directory.path()).expect("makes keys");
        let path = directory.path().join(NAME);
        let whole = fs::read(&path).expect("reads");
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x10;
            fs::write(&path, &changed).expect("writes");
            assert!(reopened(directory.path(), None).is_err(), "byte {place}");
            fs::write(&path, &whole[..place]).expect("writes");
            assert!(Keyring::open(directory.path(), None).is_err(), "cut at {place}");
        }
        let newer = pb::KeyFile { format: FORMAT + 1, ..Default::default() };
        fs::write(&path, newer.encode_to_vec()).expect("writes");
        let said = reopened(directory.path(), None).expect_err("refused").to_string();
        assert!(said.contains("format 2") && said.contains("newer"), "{said}");
    }
}
