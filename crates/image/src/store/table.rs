//! The metadata file: three tables in one redb file, written by one thread.
//!
//! Opened with a small cache, since all of it is read once and then kept as a [`Catalog`](super::catalog::Catalog).
//! Commits use quick repair, so that opening after a crash does not walk the file.

use std::path::PathBuf;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    paths::Paths,
    record::{BlobRecord, ImageRecord, LayerRecord},
    reserve::{Reserve, is_full},
};
use crate::{Error, Result, digest::Digest};

/// Memory that redb may keep for pages, in bytes.
const CACHE_BYTES: usize = 1 << 20;

/// Digits of the id → [`ImageRecord`].
const IMAGES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("images");
/// Long name with tag or digest → digits of the id.
const NAMES: TableDefinition<'_, &str, &str> = TableDefinition::new("names");
/// Digits of the diff id → [`LayerRecord`].
const LAYERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("layers");
/// Digits of the digest → [`BlobRecord`].
const BLOBS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("blobs");

/// One change of the metadata.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    PutImage(Digest, ImageRecord),
    DropImage(Digest),
    PutName(String, Digest),
    DropName(String),
    PutLayer(Digest, LayerRecord),
    DropLayer(Digest),
    PutBlob(Digest, BlobRecord),
    DropBlob(Digest),
}

impl Change {
    /// Whether it takes something away.
    fn is_drop(&self) -> bool {
        matches!(
            self,
            Change::DropImage(_) | Change::DropName(_) | Change::DropLayer(_) | Change::DropBlob(_)
        )
    }
}

/// All records, as they are read when the store opens.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) images: Vec<(Digest, ImageRecord)>,
    pub(crate) names: Vec<(String, Digest)>,
    pub(crate) layers: Vec<(Digest, LayerRecord)>,
    pub(crate) blobs: Vec<(Digest, BlobRecord)>,
}

/// The file, open unless its last commit failed: then redb refuses everything until it is opened again.
#[derive(Debug)]
pub(crate) struct Tables {
    path: PathBuf,
    database: Option<Database>,
    reserve: Reserve,
}

impl Tables {
    pub(crate) fn open(paths: &Paths) -> Result<Tables> {
        let mut tables =
            Tables { path: paths.database(), database: None, reserve: Reserve::new(paths.reserve()) };
        // The first read needs the tables to exist.
        tables.commit(&[])?;
        Ok(tables)
    }

    /// Makes all changes or none, durably. After a failure, such as a full disk, the next call opens the file again.
    pub(crate) fn commit(&mut self, changes: &[Change]) -> Result<()> {
        let mut outcome = self.write(changes);
        let is_full = matches!(&outcome, Err(Error::Metadata(error)) if is_full(error));
        // Only what gives room back may take the last of it.
        if is_full && changes.iter().any(Change::is_drop) && self.reserve.give_up() {
            outcome = self.write(changes);
        }
        if outcome.is_ok() {
            self.reserve.keep();
        }
        outcome
    }

    fn write(&mut self, changes: &[Change]) -> Result<()> {
        let database = match self.database.take() {
            Some(database) => database,
            None => Database::builder().set_cache_size(CACHE_BYTES).create(&self.path).map_err(metadata)?,
        };
        write(&database, changes)?;
        self.database = Some(database);
        Ok(())
    }

    pub(crate) fn read(&self) -> Result<Records> {
        let Some(database) = &self.database else { return Err(Error::Closed) };
        let transaction = database.begin_read().map_err(metadata)?;
        let mut records = Records::default();
        for row in transaction.open_table(IMAGES).map_err(metadata)?.iter().map_err(metadata)? {
            let (key, value) = row.map_err(metadata)?;
            records.images.push((digest(key.value())?, decode(key.value(), value.value())?));
        }
        for row in transaction.open_table(NAMES).map_err(metadata)?.iter().map_err(metadata)? {
            let (key, value) = row.map_err(metadata)?;
            records.names.push((key.value().to_owned(), digest(value.value())?));
        }
        for row in transaction.open_table(LAYERS).map_err(metadata)?.iter().map_err(metadata)? {
            let (key, value) = row.map_err(metadata)?;
            records.layers.push((digest(key.value())?, decode(key.value(), value.value())?));
        }
        for row in transaction.open_table(BLOBS).map_err(metadata)?.iter().map_err(metadata)? {
            let (key, value) = row.map_err(metadata)?;
            records.blobs.push((digest(key.value())?, decode(key.value(), value.value())?));
        }
        Ok(records)
    }
}

/// One transaction with all changes.
fn write(database: &Database, changes: &[Change]) -> Result<()> {
    let mut transaction = database.begin_write().map_err(metadata)?;
    transaction.set_quick_repair(true);
    {
        let mut images = transaction.open_table(IMAGES).map_err(metadata)?;
        let mut names = transaction.open_table(NAMES).map_err(metadata)?;
        let mut layers = transaction.open_table(LAYERS).map_err(metadata)?;
        let mut blobs = transaction.open_table(BLOBS).map_err(metadata)?;
        for change in changes {
            match change {
                Change::PutImage(id, record) => {
                    images
                        .insert(id.hex().as_str(), encode(record).as_slice())
                        .map(drop)
                        .map_err(metadata)?;
                }
                Change::DropImage(id) => images.remove(id.hex().as_str()).map(drop).map_err(metadata)?,
                Change::PutName(name, id) => {
                    names.insert(name.as_str(), id.hex().as_str()).map(drop).map_err(metadata)?;
                }
                Change::DropName(name) => names.remove(name.as_str()).map(drop).map_err(metadata)?,
                Change::PutLayer(id, record) => {
                    layers
                        .insert(id.hex().as_str(), encode(record).as_slice())
                        .map(drop)
                        .map_err(metadata)?;
                }
                Change::DropLayer(id) => layers.remove(id.hex().as_str()).map(drop).map_err(metadata)?,
                Change::PutBlob(id, record) => {
                    let record = encode(record);
                    blobs.insert(id.hex().as_str(), record.as_slice()).map(drop).map_err(metadata)?;
                }
                Change::DropBlob(id) => blobs.remove(id.hex().as_str()).map(drop).map_err(metadata)?,
            }
        }
    }
    fault::point("image: commit");
    transaction.commit().map_err(metadata)
}

fn metadata(error: impl Into<redb::Error>) -> Error {
    Error::Metadata(error.into())
}

fn digest(hex: &str) -> Result<Digest> {
    Digest::from_hex(hex).ok_or_else(|| Error::InvalidDigest(hex.to_owned()))
}

fn encode(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("a record of strings and numbers is always JSON")
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|source| Error::Record { key: key.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_failure_has_closed_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&Paths::new(dir.path().to_owned())).unwrap();
        let id = Digest::from_hex(&"a".repeat(64)).unwrap();
        let name = |name: &str| [Change::PutName(name.to_owned(), id)];
        let path = std::mem::replace(&mut tables.path, dir.path().join("missing/image.redb"));
        tables.database = None;
        assert!(tables.commit(&name("lost")).is_err());
        tables.path = path;
        tables.commit(&name("kept")).unwrap();
        let names: Vec<String> = tables.read().unwrap().names.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["kept"]);
    }
}
