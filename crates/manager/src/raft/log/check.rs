//! Opening: nothing is believed of the file until all of it has been looked at.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};
use swarm_api::pb;
use thiserror::Error;

use super::file::{
    FORMAT, FORMAT_SEALED, LOG, MEMBER, META, PURGED, VOTE, corrupt, database, decode, entry_failed,
    existing, failed, format, meta, number, sequence,
};
use super::mark::{Acknowledged, Mark};
use super::migrate;
use crate::raft::convert;
use crate::raft::types::{Entry, LogId, Vote};
use crate::seal::Keyring;

const MARK_EXTENSION: &str = "mark";

/// Why a log is not opened.
#[derive(Debug, Error)]
enum Unsound {
    #[error("{}: the file is damaged and cannot be read", .0.display())]
    Unreadable(PathBuf),
    #[error("{} has format {format}, this version knows {FORMAT_SEALED}: a newer one wrote it", path.display())]
    Newer { path: PathBuf, format: u32 },
    #[error(
        "{} ends with entry {last} after write {sequence}, but write {} with entry {} was acknowledged: it is damaged, or an old copy \
         was put in its place",
        path.display(), acknowledged.sequence, acknowledged.last
    )]
    Lost { path: PathBuf, last: u64, sequence: u64, acknowledged: Acknowledged },
    #[error("{} is missing or empty: it says what the log beside it must have", .0.display())]
    NoMark(PathBuf),
    #[error("{}: entry {index} is missing", path.display())]
    Missing { path: PathBuf, index: u64 },
    #[error("{}: entry {index} is not the one of this place", path.display())]
    Misplaced { path: PathBuf, index: u64 },
}

impl From<Unsound> for io::Error {
    fn from(unsound: Unsound) -> Self {
        Self::new(io::ErrorKind::InvalidData, unsound)
    }
}

/// Opens the file and looks at all of it; the state of the last write is what the mark will say next.
pub(super) fn open(path: &Path, keyring: &Keyring) -> io::Result<(Database, Mark, Acknowledged)> {
    let mut database = sound(path)?;
    let (found, founded) = {
        let transaction = database.begin_read().map_err(failed)?;
        (format(&transaction)?, meta::<pb::RaftMember>(&transaction, MEMBER)?.is_some())
    };
    let mark_path = path.with_extension(MARK_EXTENSION);
    match found {
        Some(FORMAT_SEALED) => {}
        Some(format) => return Err(Unsound::Newer { path: path.to_owned(), format }.into()),
        None if founded => {
            database = migrate::seal(path, database, keyring)?;
            // What was acknowledged before is in it: it was copied from a file that is whole.
            let _ = fs::remove_file(&mark_path);
            return begin(database, path, &mark_path, keyring);
        }
        None => {
            let transaction = database.begin_write().map_err(failed)?;
            transaction
                .open_table(META)
                .map_err(failed)?
                .insert(FORMAT, FORMAT_SEALED.to_be_bytes().as_slice())
                .map_err(failed)?;
            number(&transaction, 0)?;
            transaction.commit().map_err(failed)?;
        }
    }
    let said = Mark::open(&mark_path).map_err(|error| named(&mark_path, &error))?.1;
    let Some(acknowledged) = said else {
        if founded {
            return Err(Unsound::NoMark(mark_path).into());
        }
        return begin(database, path, &mark_path, keyring);
    };
    let state = state(&database, path, keyring)?;
    if state.sequence < acknowledged.sequence {
        let Acknowledged { sequence, last } = state;
        return Err(Unsound::Lost { path: path.to_owned(), last, sequence, acknowledged }.into());
    }
    begin(database, path, &mark_path, keyring)
}

/// Sets the mark to what the file is now.
fn begin(
    database: Database,
    path: &Path,
    mark_path: &Path,
    keyring: &Keyring,
) -> io::Result<(Database, Mark, Acknowledged)> {
    let state = state(&database, path, keyring)?;
    let mark = Mark::open(mark_path).map_err(|error| named(mark_path, &error))?.0;
    mark.note(state)?;
    mark.sync()?;
    if let Some(directory) = path.parent() {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok((database, mark, state))
}

/// Opens the database and has it check its pages. What it stumbles over is no reason to end the process.
fn sound(path: &Path) -> io::Result<Database> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let mut database = database(path)?;
        let whole = database.check_integrity().map_err(failed)?;
        if !whole {
            tracing::warn!(path = %path.display(), "the raft log was not closed in order and has been repaired");
        }
        Ok(database)
    }));
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(error)) => Err(named(path, &error)),
        Err(_) => Err(Unsound::Unreadable(path.to_owned()).into()),
    }
}

/// Looks at every entry: each must be readable and follow the one before.
fn state(database: &Database, path: &Path, keyring: &Keyring) -> io::Result<Acknowledged> {
    let transaction = database.begin_read().map_err(failed)?;
    let purged = meta(&transaction, PURGED)?.map(convert::log_id);
    let mut walk = Walk::new(path, purged);
    if let Some(log) = existing(transaction.open_table(LOG))? {
        for row in log.iter().map_err(failed)? {
            let (index, row) = row.map_err(failed)?;
            walk.next(keyring, index.value(), row.value())?;
        }
    }
    Ok(Acknowledged { sequence: sequence(&transaction)?, last: walk.before.map_or(0, |id| id.index) })
}

/// A walk over the rows, in order.
struct Walk<'a> {
    path: &'a Path,
    before: Option<LogId>,
}

impl<'a> Walk<'a> {
    fn new(path: &'a Path, purged: Option<LogId>) -> Self {
        Self { path, before: purged }
    }

    fn next(&mut self, keyring: &Keyring, index: u64, row: &[u8]) -> io::Result<Entry> {
        let path = || self.path.to_owned();
        let due = self.before.map_or(0, |before| before.index + 1);
        if index != due {
            return Err(Unsound::Missing { path: path(), index: due }.into());
        }
        let entry = decode(keyring, index, row).map_err(|error| entry_failed(self.path, index, &error))?;
        let follows = self.before.is_none_or(|before| before.leader_id.term <= entry.log_id.leader_id.term);
        if entry.log_id.index != index || !follows {
            return Err(Unsound::Misplaced { path: path(), index }.into());
        }
        self.before = Some(entry.log_id);
        Ok(entry)
    }
}

/// What can be read of a log, told to go on with that.
#[derive(Default)]
pub(crate) struct Salvaged {
    pub(crate) vote: Option<Vote>,
    /// From the first, up to the first that cannot be read.
    pub(crate) entries: Vec<Entry>,
}

/// Reads what there is, whatever the mark says; what is lost is logged. The file is not changed, but for a repair by redb.
pub(crate) fn salvage(path: &Path, keyring: &Keyring) -> io::Result<Salvaged> {
    let opened = catch_unwind(AssertUnwindSafe(|| database(path)));
    let database = opened.map_err(|_| Unsound::Unreadable(path.to_owned()))??;
    let read = catch_unwind(AssertUnwindSafe(|| read(path, &database, keyring)));
    read.map_err(|_| Unsound::Unreadable(path.to_owned()))?
}

fn read(path: &Path, database: &Database, keyring: &Keyring) -> io::Result<Salvaged> {
    let transaction: ReadTransaction = database.begin_read().map_err(failed)?;
    let sealed = format(&transaction)?.is_some();
    let purged = meta(&transaction, PURGED)?.map(convert::log_id);
    let vote = meta(&transaction, VOTE)?.map(convert::vote);
    let mut walk = Walk::new(path, purged);
    let mut entries = Vec::new();
    if let Some(log) = existing(transaction.open_table(LOG))? {
        for row in log.iter().map_err(failed)? {
            let next = row.map_err(failed).and_then(|(index, row)| match sealed {
                true => walk.next(keyring, index.value(), row.value()),
                false => migrate::decode(row.value()).map_err(corrupt),
            });
            match next {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    tracing::warn!(%error, "goes on without this entry of the raft log and those after it");
                    break;
                }
            }
        }
    }
    Ok(Salvaged { vote, entries })
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
