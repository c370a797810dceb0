//! From the first format, whose rows lay open, to today's.
//!
//! The sealed log is made beside the old one and renamed over it, so that nothing of the old remains in pages that are free now, and
//! a crash leaves one or the other.

use std::fs;
use std::io;
use std::path::Path;

use prost::Message;
use redb::{Database, ReadableDatabase, ReadableTable};
use swarm_api::pb;

use super::file::{
    FORMAT, FORMAT_SEALED, LOG, MEMBER, META, PURGED, VOTE, corrupt, database, existing, failed, number,
};
use super::row;
use crate::raft::convert;
use crate::raft::types::Entry;
use crate::seal::Keyring;

const NEW_EXTENSION: &str = "new";

/// Makes a sealed log of an open one, in its place.
pub(super) fn seal(path: &Path, old: Database, keyring: &Keyring) -> io::Result<Database> {
    let new_path = path.with_extension(NEW_EXTENSION);
    match fs::remove_file(&new_path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let new = database(&new_path)?;
    copy(&old, &new, keyring)?;
    drop((old, new));
    fs::File::open(&new_path)?.sync_all()?;
    fs::rename(&new_path, path)?;
    if let Some(directory) = path.parent() {
        fs::File::open(directory)?.sync_all()?;
    }
    tracing::info!(path = %path.display(), "the raft log is encrypted from now on");
    database(path)
}

fn copy(old: &Database, new: &Database, keyring: &Keyring) -> io::Result<()> {
    let from = old.begin_read().map_err(failed)?;
    let to = new.begin_write().map_err(failed)?;
    {
        let mut meta = to.open_table(META).map_err(failed)?;
        if let Some(old) = existing(from.open_table(META))? {
            for key in [VOTE, PURGED, MEMBER] {
                if let Some(bytes) = old.get(key).map_err(failed)? {
                    meta.insert(key, bytes.value()).map_err(failed)?;
                }
            }
        }
        meta.insert(FORMAT, FORMAT_SEALED.to_be_bytes().as_slice()).map_err(failed)?;
        let mut log = to.open_table(LOG).map_err(failed)?;
        if let Some(old) = existing(from.open_table(LOG))? {
            for entry in old.iter().map_err(failed)? {
                let (index, bytes) = entry.map_err(failed)?;
                let term = decode(bytes.value())?.log_id.leader_id.term;
                let row = row::seal(keyring, index.value(), term, bytes.value())?;
                log.insert(index.value(), row.as_slice()).map_err(failed)?;
            }
        }
    }
    number(&to, 1)?;
    to.commit().map_err(failed)
}

/// The entry of a row that lies open.
pub(super) fn decode(bytes: &[u8]) -> io::Result<Entry> {
    let message = pb::LogEntry::decode(bytes).map_err(corrupt)?;
    convert::entry(message).map_err(corrupt)
}
