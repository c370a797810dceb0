//! Files in PEM that flags name (`--ca-cert`, `--ca-key`): read at once, so that a wrong name is a wrong flag.

use std::fs::File;
use std::io::Read;

use super::FlagError;
use super::file::reason;

/// Largest file that is read, in bytes: some certificates.
const MAX_BYTES: u64 = 1 << 20;

/// What is in the file of this name.
pub(crate) fn read(path: &str) -> Result<String, FlagError> {
    let unreadable =
        |error: std::io::Error| FlagError::Unreadable { path: path.to_owned(), reason: reason(&error) };
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text)).map_err(unreadable)?;
    let text = String::from_utf8(text).map_err(|_| FlagError::NoPem)?;
    let is_pem = text.contains("-----BEGIN ") && text.contains("-----END ");
    if is_pem { Ok(text) } else { Err(FlagError::NoPem) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_must_be_there_and_be_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("root.pem");
        let path = path.to_str().expect("a path");
        assert_eq!(
            read(path).expect_err("is missing").to_string(),
            format!("open {path}: no such file or directory")
        );
        std::fs::write(path, "hello").expect("writes");
        assert_eq!(read(path).expect_err("is none").to_string(), "file contents must be in PEM format");
        let text = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        std::fs::write(path, text).expect("writes");
        assert_eq!(read(path).expect("reads"), text);
    }
}
