//! Backups: the whole state in one file, sealed under a passphrase, and a cluster of one made of it on another machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use swarm_api::pb;
use swarm_api::tls::Identity;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::bootstrap::{FirstManager, Place, first_manager};
use crate::clock::Clock;
use crate::error::ManagerError;
use crate::raft::{self, Refounding};
use crate::recover;
use crate::seal::{Keyring, ROUNDS, SALT_BYTES, SealedReader, SealedWriter, derive, random};
use crate::store::State;

const MAGIC: &[u8; 8] = b"shoalbak";
/// The version of the format.
const FORMAT: u32 = 1;
/// Magic, format, rounds, salt.
const HEADER_BYTES: usize = 8 + 4 + 4 + SALT_BYTES;
const EXTENSION: &str = "backup";
/// The extension of one that is being written.
const UNFINISHED: &str = "new";
/// One that was not written to for so long never will be: its daemon died.
const LEFT_OVER: Duration = Duration::from_secs(3600);
/// A passphrase is not shorter: what it seals signs every node's certificate.
pub const MIN_PASSPHRASE_CHARS: usize = 12;

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: PathBuf,
    /// The last log entry in it.
    pub index: u64,
    /// Older ones that were removed.
    pub removed: usize,
}

/// A cluster to be made of a backup.
#[derive(Clone)]
pub struct RestoreConfig {
    /// The manager's own directory. What an earlier cluster left there is removed.
    pub state_dir: PathBuf,
    /// The backup.
    pub from: PathBuf,
    /// What it is sealed under.
    pub passphrase: String,
    /// `host:port` where other nodes reach this one.
    pub advertise_addr: String,
    /// Whether this node takes tasks.
    pub availability: pb::NodeAvailability,
    /// The time.
    pub clock: Clock,
}

/// Writes a backup of this state into a directory, where it is whole or not at all, and removes the oldest of the same cluster
/// beyond `keep` (zero keeps all).
///
/// # Errors
/// When the passphrase is too short, or the directory cannot be written.
pub(crate) fn write(
    state: &State,
    directory: &Path,
    passphrase: &str,
    keep: usize,
    now_ns: i64,
) -> io::Result<Backup> {
    if passphrase.chars().count() < MIN_PASSPHRASE_CHARS {
        let text = format!("the passphrase of a backup must have at least {MIN_PASSPHRASE_CHARS} characters");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let cluster = state.cluster().ok_or_else(|| io::Error::other("there is no cluster to back up"))?;
    let unwritten =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", directory.display()));
    fs::create_dir_all(directory).map_err(unwritten)?;
    let prefix = format!("shoal-{}-", cluster.id);
    let index = state.index();
    let path = directory.join(format!("{prefix}{}-{index}.{EXTENSION}", stamp(now_ns)?));
    let new = unfinished(directory, &prefix);
    let written = write_file(&new, state, passphrase).and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        // The error says what went wrong; that half a file stays would add nothing.
        let _ = fs::remove_file(&new);
    }
    written.map_err(unwritten)?;
    File::open(directory)?.sync_all()?;
    drop_left_over(directory, &prefix)?;
    let removed = if keep == 0 { 0 } else { drop_old(directory, &prefix, keep)? };
    Ok(Backup { path, index, removed })
}

fn write_file(path: &Path, state: &State, passphrase: &str) -> io::Result<()> {
    let salt = random::<SALT_BYTES>()?;
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_be_bytes());
    header[12..16].copy_from_slice(&ROUNDS.to_be_bytes());
    header[16..].copy_from_slice(&salt);
    let key = Arc::new(derive(passphrase, &salt, ROUNDS)?);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut file = BufWriter::new(file);
    file.write_all(&header)?;
    let mut writer = SealedWriter::new(file, key, context(&header));
    raft::write_state(&mut writer, state)?;
    writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn read_file(path: &Path, passphrase: &str) -> io::Result<State> {
    let invalid =
        |text: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {text}", path.display()));
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(named)?);
    let mut header = [0; HEADER_BYTES];
    if file.read_exact(&mut header).is_err() || header[..8] != *MAGIC {
        return Err(invalid("it is no backup of a swarm".to_owned()));
    }
    let number = |from: usize| header[from..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    if number(8) != FORMAT {
        return Err(invalid(format!("it has format {}, this version knows {FORMAT}", number(8))));
    }
    let mut salt = [0; SALT_BYTES];
    salt.copy_from_slice(&header[16..]);
    let key = Arc::new(derive(passphrase, &salt, number(12)).map_err(named)?);
    let reader = SealedReader::new(file, key, context(&header));
    raft::read_state(reader).map_err(|error| invalid(format!("the passphrase is wrong, or {error}")))
}

fn context(header: &[u8; HEADER_BYTES]) -> Vec<u8> {
    [b"shoal backup".as_slice(), header].concat()
}

/// The time in a name, so that the order of the names is that of the times.
fn stamp(now_ns: i64) -> io::Result<String> {
    let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ns)).map_err(io::Error::other)?;
    let format = format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:3]Z");
    now.format(format).map_err(io::Error::other)
}

/// Where one is written. Two may be at a time: by hand, and by a timer.
fn unfinished(directory: &Path, prefix: &str) -> PathBuf {
    directory.join(format!(".{prefix}{:016x}.{UNFINISHED}", rand::random::<u64>()))
}

/// The files of this directory that are named so, in order of their names.
fn named(directory: &Path, prefix: &str, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(extension));
        found.extend(ours.then(|| directory.join(name)));
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes what daemons have left that died while they wrote.
fn drop_left_over(directory: &Path, prefix: &str) -> io::Result<()> {
    for path in named(directory, &format!(".{prefix}"), UNFINISHED)? {
        let changed = fs::metadata(&path).and_then(|found| found.modified());
        // One that is gone meanwhile was another's to finish.
        if changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > LEFT_OVER)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn drop_old(directory: &Path, prefix: &str, keep: usize) -> io::Result<usize> {
    let found = named(directory, prefix, EXTENSION)?;
    let old = &found[..found.len().saturating_sub(keep)];
    old.iter().try_for_each(fs::remove_file)?;
    Ok(old.len())
}

/// Makes a cluster of one of a backup: the same cluster, root, tokens and objects, with this machine as a new node. The caller stores
/// the identity; if it dies before that, it restores again. Also says whether the cluster locks its managers.
///
/// # Errors
/// When the backup cannot be read, or the directory cannot be written.
pub async fn restore(config: RestoreConfig) -> Result<(Identity, bool), ManagerError> {
    tokio::task::spawn_blocking(move || restored(&config))
        .await
        .map_err(|_| ManagerError::Ended("restore"))?
}

fn restored(config: &RestoreConfig) -> Result<(Identity, bool), ManagerError> {
    let mut state = read_file(&config.from, &config.passphrase)?;
    let cluster = state.cluster().cloned().ok_or(ManagerError::NothingLeft)?;
    let root = cluster.root_ca.clone().ok_or(ManagerError::NothingLeft)?;
    let now_ns = config.clock.now_ns();
    let validity_ns = cluster.spec.as_ref().map_or(0, |spec| spec.node_cert_expiry_ns);
    let place = Place { availability: config.availability, addr: &config.advertise_addr, now_ns };
    let FirstManager { identity, node, raft_id } = first_manager(&root, &cluster.id, validity_ns, &place)?;
    let node_id = identity.node_id.clone();

    let mut first = recover::alone(&state, &node_id, raft_id, &config.advertise_addr)?;
    first.put(node);
    let last = state.index();
    recover::begin(&mut state, first, now_ns, last)?;

    crate::discard(&config.state_dir)?;
    let new = recover::fresh(&config.state_dir)?;
    // Locked as soon as it runs, if the cluster says so.
    let keyring = Arc::new(Keyring::create(&new)?);
    let addr = config.advertise_addr.clone();
    // Whoever was in the group before is not in this one, so its terms begin anew.
    let refounding = Refounding { raft_id, addr, node_id: node_id.to_string(), state: &state, term: 1 };
    raft::refound(&new, keyring, refounding)?;
    recover::replace(&config.state_dir)?;
    let locked = cluster.spec.as_ref().is_some_and(|spec| spec.auto_lock_managers);
    Ok((identity, locked))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_daemon_left_that_died_goes_and_what_others_write_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = || unfinished(directory.path(), "shoal-swarm-");
        let (old, others) = (path(), [path(), path()]);
        for path in others.iter().chain([&old]) {
            OpenOptions::new().write(true).create_new(true).open(path).expect("no two have one name");
        }
        let before = SystemTime::now() - 2 * LEFT_OVER;
        File::options().write(true).open(&old).and_then(|file| file.set_modified(before)).expect("ages");
        drop_left_over(directory.path(), "shoal-swarm-").expect("removes");
        assert!(!old.exists() && others.iter().all(|other| other.exists()));
    }
}
