//! A context as a file: a tar archive, or on the way in a zip archive too, with `meta.json` and `tls/docker/*.pem`.
//!
//! What comes in may be anybody's: names are compared with those that can be, never used as paths; sizes are bounded.

use std::io::{self, Cursor, Read};

use tar::{Archive, Builder, EntryType, Header};

use super::{Record, Secrets, zip};
use crate::error::Error;

/// The largest archive, and the largest sum of what is in it.
pub(super) const MAX_BYTES: u64 = 10 << 20;
/// The most zeros that an archive ends with: the rest of a block, and two.
const PADDING: u64 = 3 * 512;
/// Most entries.
pub(super) const MAX_ENTRIES: usize = 256;

/// Writes the archive.
pub(crate) fn pack(record: &Record, secrets: &Secrets) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    let mut add = |name: &str, kind: EntryType, mode: u32, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes)
    };
    add("meta.json", EntryType::Regular, 0o644, record.json().to_string().as_bytes())?;
    if !secrets.is_empty() {
        add("tls", EntryType::Directory, 0o700, &[])?;
        add("tls/docker", EntryType::Directory, 0o700, &[])?;
    }
    for (name, bytes) in secrets.files() {
        add(&format!("tls/docker/{name}"), EntryType::Regular, 0o600, bytes)?;
    }
    builder.into_inner()
}

/// Reads an archive as the context `name`.
pub(crate) fn unpack(name: &str, reader: impl Read) -> Result<(Record, Secrets), Error> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::Usage(format!("the archive is larger than {MAX_BYTES} bytes")));
    }
    let files = if bytes.starts_with(b"PK\x03\x04") { zip::files(&bytes)? } else { tar_files(&bytes)? };
    let mut record = None;
    let mut secrets = Secrets::default();
    for (path, content) in files {
        match path.strip_prefix("./").unwrap_or(&path) {
            "meta.json" => record = Some(Record::parse(&content)?),
            path => match path.strip_prefix("tls/").and_then(|rest| rest.split_once('/')) {
                Some(("docker", file)) if super::TLS_FILES.contains(&file) => secrets.set(file, content),
                // Endpoints of other makes have no use here, and their names could be anything.
                Some((endpoint, file)) if plain(endpoint) && plain(file) => {}
                _ => return Err(Error::Usage(format!("{path:?}: unexpected context file"))),
            },
        }
    }
    let mut record = record.ok_or_else(|| Error::Usage("invalid context: no metadata found".to_owned()))?;
    name.clone_into(&mut record.name);
    Ok((record, secrets))
}

/// Whether it is one name and not a way.
fn plain(name: &str) -> bool {
    !name.is_empty() && !matches!(name, "." | "..") && !name.contains(['/', '\\', '\0'])
}

fn tar_files(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut files = Vec::new();
    // Docker's client leaves out the zeros after the last file.
    let padded = Cursor::new(bytes).chain(io::repeat(0).take(PADDING));
    for entry in Archive::new(padded).entries()?.take(MAX_ENTRIES) {
        let mut entry = entry?;
        match entry.header().entry_type() {
            EntryType::Directory => continue,
            EntryType::Regular => {}
            _ => return Err(Error::Usage("the archive holds more than plain files".to_owned())),
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.push((name, content));
    }
    Ok(files)
}
