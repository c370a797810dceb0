//! What is written beside criu's files. What it says is a help to people and to connections, and is trusted with nothing.

use crate::error::{Error, Result};
use crate::record::Record;
use crate::shared::now_ns;
use network::Endpoint;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// In a checkpoint's directory.
pub(super) const ABOUT_FILE: &str = "config.json";
/// The version of the directory's layout.
const VERSION: u32 = 1;
/// A longer file is not ours.
const MAX_BYTES: u64 = 64 * 1024;

/// What is told of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    version: u32,
    /// Id and name of the container it was made of.
    container: String,
    name: String,
    /// The container's image.
    image: String,
    created_ns: i64,
    /// The container's address on its network, to which its connections belong.
    pub(super) address: Option<Ipv4Addr>,
}

impl About {
    pub(super) fn of(record: &Record) -> About {
        About {
            version: VERSION,
            container: record.id.clone(),
            name: record.name.clone(),
            image: record.spec.image.clone(),
            created_ns: now_ns(),
            address: record.endpoints.first().and_then(Endpoint::address_v4),
        }
    }

    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(ABOUT_FILE);
        let json = serde_json::to_vec(self).map_err(|error| Error::io("write", &path)(error.into()))?;
        fault::point("checkpoint: write description");
        fs::write(&path, json).map_err(Error::io("write", &path))
    }

    pub(super) fn read(dir: &Path) -> Result<About> {
        let path = dir.join(ABOUT_FILE);
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let read = || {
            let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
            let file = File::options().read(true).custom_flags(flags).open(&path)?;
            let mut json = Vec::new();
            file.take(MAX_BYTES).read_to_end(&mut json)?;
            let about: About = serde_json::from_slice(&json).map_err(|_| invalid())?;
            if about.version == VERSION { Ok(about) } else { Err(invalid()) }
        };
        read().map_err(Error::io("read", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn it_is_read_as_written_and_not_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let about = About::of(&Record { id: "abc".to_owned(), ..Record::default() });
        about.write(dir.path()).unwrap();
        assert_eq!(About::read(dir.path()).unwrap(), about);
        let file = dir.path().join(ABOUT_FILE);
        fs::rename(&file, dir.path().join("other")).unwrap();
        symlink("other", &file).unwrap();
        assert!(About::read(dir.path()).is_err());
        fs::remove_file(&file).unwrap();
        About { version: 2, ..about }.write(dir.path()).unwrap();
        assert!(About::read(dir.path()).is_err(), "of another time");
    }
}
