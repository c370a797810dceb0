//! Extended headers of POSIX archives: records of `length key=value`. Pure.

use crate::{Error, Result};

/// Prefix under which extended attributes travel.
const XATTR: &[u8] = b"SCHILY.xattr.";
/// Most extended attributes of one entry.
const MAX_XATTRS: usize = 128;

/// What extended headers say of the next entry.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Extended {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<u64>,
    pub(crate) gid: Option<u64>,
    /// Seconds and nanoseconds.
    pub(crate) mtime: Option<(i64, u32)>,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Extended {
    /// Reads all records of one extended header.
    pub(crate) fn read(&mut self, mut rest: &[u8]) -> Result<()> {
        while !rest.is_empty() {
            let (record, after) = split_record(rest)?;
            rest = after;
            let equals = record.iter().position(|b| *b == b'=').ok_or_else(broken)?;
            self.take(&record[..equals], &record[equals + 1..])?;
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match key {
            // Without a value it takes back what was said before: the header's own field counts.
            b"path" if value.is_empty() => self.path = None,
            b"linkpath" if value.is_empty() => self.link = None,
            b"size" if value.is_empty() => self.size = None,
            b"uid" if value.is_empty() => self.uid = None,
            b"gid" if value.is_empty() => self.gid = None,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number(value)?),
            b"uid" => self.uid = Some(number(value)?),
            b"gid" => self.gid = Some(number(value)?),
            b"mtime" => self.mtime = Some(timestamp(value)?),
            key if key.starts_with(b"GNU.sparse.") => {
                return Err(Error::Archive("sparse files are not supported".to_owned()));
            }
            key => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    if self.xattrs.len() == MAX_XATTRS {
                        return Err(Error::Archive(format!(
                            "an entry has more than {MAX_XATTRS} extended attributes"
                        )));
                    }
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

/// The first record without its length and newline, and what follows it.
fn split_record(rest: &[u8]) -> Result<(&[u8], &[u8])> {
    let space = rest.iter().take(20).position(|b| *b == b' ').ok_or_else(broken)?;
    let length = usize::try_from(number(&rest[..space])?).map_err(|_| broken())?;
    let record = rest.get(space + 1..length).ok_or_else(broken)?;
    let (newline, record) = record.split_last().ok_or_else(broken)?;
    if *newline != b'\n' {
        return Err(broken());
    }
    Ok((record, &rest[length..]))
}

fn number(text: &[u8]) -> Result<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let parsed = std::str::from_utf8(text).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    parsed.ok_or_else(broken)
}

/// `[-]seconds[.fraction]`, rounded down.
fn timestamp(text: &[u8]) -> Result<(i64, u32)> {
    let text = std::str::from_utf8(text).map_err(|_| broken())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().map_err(|_| broken())?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(broken());
    }
    let nanos: u32 = format!("{fraction:0<9.9}").parse().map_err(|_| broken())?;
    match (whole.starts_with('-'), nanos) {
        (true, 1..) => Ok((seconds.checked_sub(1).ok_or_else(broken)?, 1_000_000_000 - nanos)),
        _ => Ok((seconds, nanos)),
    }
}

fn broken() -> Error {
    Error::Archive("broken extended header".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Extended> {
        let mut extended = Extended::default();
        extended.read(bytes).map(|()| extended)
    }

    /// A record with its length, which counts itself.
    fn record(text: &str) -> String {
        let length = (1..).find(|n: &usize| format!("{n} {text}\n").len() == *n).unwrap();
        format!("{length} {text}\n")
    }

    #[test]
    fn records_are_read() {
        let text = ["path=a/b", "mtime=-1.5000", "SCHILY.xattr.user.k=a=\n"].map(record).concat();
        let extended = read(text.as_bytes()).unwrap();
        assert_eq!(extended.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!(extended.mtime, Some((-2, 500_000_000)));
        assert_eq!(extended.xattrs, [(b"user.k".to_vec(), b"a=\n".to_vec())]);
        assert_eq!(read(record("mtime=12").as_bytes()).unwrap().mtime, Some((12, 0)));
    }

    #[test]
    fn broken_records_are_refused() {
        for bad in
            [&b"99 path=a\n"[..], b"x", b"0 a=b\n", b"3 a\n", b"10 size=-1\n", b"21 GNU.sparse.major=1\n"]
        {
            assert!(read(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(prop_oneof![Just(b' '), Just(b'='), Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..80)) {
            let _ = read(&bytes);
        }
    }
}
