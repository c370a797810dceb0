//! Whose the files become that are copied into a container. Pure.
//!
//! A running container that has users of its own is written to from outside, where its users have the host's numbers.

use crate::userns::IdMaps;
use image::archive::Entry;
use std::io;

/// The attribute that holds a program's capabilities.
const CAPABILITY: &[u8] = b"security.capability";
/// Its second format, in 20 bytes, and its third, which adds whose namespace it counts in (linux/capability.h). The format is
/// the highest byte of the first word.
const CAPABILITY_2_BYTES: usize = 20;
const FORMAT_AT: usize = 3;
const FORMAT_2: u8 = 2;
const FORMAT_3: u8 = 3;

/// What becomes of an entry's owner and capabilities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ownership {
    /// Whose everything becomes, as numbers of the inside, instead of whom the archive names.
    pub(super) owner: Option<(u32, u32)>,
    /// The host's numbers, if the files are written from outside.
    pub(super) outside: Option<IdMaps>,
}

impl Ownership {
    /// Changes an entry.
    ///
    /// # Errors
    /// If the container has no such user.
    pub(super) fn apply(&self, entry: &mut Entry) -> io::Result<()> {
        if let Some((uid, gid)) = self.owner {
            (entry.uid, entry.gid) = (uid, gid);
        }
        let Some(maps) = &self.outside else { return Ok(()) };
        let Some((uid, gid)) = maps.outside(entry.uid, entry.gid) else {
            let text = format!("the container's user namespace has no owner {}:{}", entry.uid, entry.gid);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        (entry.uid, entry.gid) = (uid, gid);
        for (name, value) in &mut entry.xattrs {
            if name == CAPABILITY && value.len() == CAPABILITY_2_BYTES && value[FORMAT_AT] == FORMAT_2 {
                value[FORMAT_AT] = FORMAT_3;
                value.extend(maps.root().0.to_le_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::userns::IdRange;
    use image::archive::Kind;

    fn entry(uid: u32, gid: u32) -> Entry {
        let mut capability = vec![0; CAPABILITY_2_BYTES];
        capability[FORMAT_AT] = FORMAT_2;
        Entry {
            path: b"file".to_vec(),
            kind: Kind::Directory,
            mode: 0o755,
            uid,
            gid,
            mtime: (0, 0),
            xattrs: vec![
                (CAPABILITY.to_vec(), capability),
                (b"user.x".to_vec(), vec![2; CAPABILITY_2_BYTES]),
            ],
        }
    }

    #[test]
    fn numbers_of_the_inside_become_the_hosts() {
        let range = |outside| vec![IdRange { inside: 0, outside, count: 10 }];
        let outside = Some(IdMaps { uids: range(100), gids: range(200) });
        let mapped = Ownership { owner: None, outside: outside.clone() };
        let mut file = entry(3, 4);
        mapped.apply(&mut file).unwrap();
        assert_eq!((file.uid, file.gid), (103, 204));
        let capability = &file.xattrs[0].1;
        assert_eq!(
            (capability[FORMAT_AT], &capability[CAPABILITY_2_BYTES..]),
            (FORMAT_3, &[100, 0, 0, 0][..])
        );
        assert_eq!(file.xattrs[1].1.len(), CAPABILITY_2_BYTES);
        assert!(mapped.apply(&mut entry(3, 10)).is_err());

        let mut file = entry(3, 40);
        Ownership { owner: Some((1, 2)), outside }.apply(&mut file).unwrap();
        assert_eq!((file.uid, file.gid), (101, 202));
        let mut file = entry(3, 40);
        Ownership::default().apply(&mut file).unwrap();
        assert_eq!((file.uid, file.gid, file.xattrs), (3, 40, entry(3, 40).xattrs));
    }
}
