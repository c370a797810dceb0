//! The blocks of a compressed rotated file of the `local` log format. Pure.
//!
//! A block is a header, then raw deflate (RFC 1951) of whole [`crate::record`]s without marks. The header tells how long both
//! are, how many lines there are, and their earliest and latest time, so that a reader passes over what it does not want.

/// Records are gathered up to this size before they are compressed.
pub const BLOCK_BYTES: usize = 64 * 1024;
/// The length of an encoded [`Header`].
pub const HEADER_BYTES: usize = 40;
/// The longest block, compressed or not: what does not get smaller grows by a few bytes.
pub const MAX_BLOCK_BYTES: usize = 2 * (BLOCK_BYTES + crate::record::MAX_RECORD_BYTES);

const MAGIC: [u8; 4] = *b"SLB1";

/// What stands before the compressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes that follow.
    pub squeezed_bytes: u32,
    /// Bytes they become.
    pub plain_bytes: u32,
    /// Lines in them.
    pub lines: u32,
    /// Inode of the file that was compressed, by which a reader that follows knows what it has read already.
    pub inode: u64,
    /// Their earliest time, in nanoseconds since the epoch.
    pub earliest_ns: i64,
    /// Their latest time.
    pub latest_ns: i64,
}

impl Header {
    /// As it is written.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.squeezed_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.plain_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.lines.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.inode.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.earliest_ns.to_le_bytes());
        bytes[32..].copy_from_slice(&self.latest_ns.to_le_bytes());
        bytes
    }

    /// Reads one. `None`: it is none, or tells impossible sizes.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Header> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let eight = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            eight
        };
        let header = Header {
            squeezed_bytes: word(4),
            plain_bytes: word(8),
            lines: word(12),
            inode: u64::from_le_bytes(eight(16)),
            earliest_ns: i64::from_le_bytes(eight(24)),
            latest_ns: i64::from_le_bytes(eight(32)),
        };
        let fits = |size: u32| size as usize <= MAX_BLOCK_BYTES;
        (bytes[..4] == MAGIC && fits(header.squeezed_bytes) && fits(header.plain_bytes)).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_and_nonsense_does_not() {
        let header = Header {
            squeezed_bytes: 1,
            plain_bytes: 2,
            lines: 3,
            inode: 9,
            earliest_ns: -4,
            latest_ns: i64::MAX,
        };
        assert_eq!(Header::decode(&header.encode()), Some(header));
        assert_eq!(Header::decode(&[0; HEADER_BYTES]), None);
        let huge = Header { plain_bytes: u32::MAX, ..header };
        assert_eq!(Header::decode(&huge.encode()), None);
    }
}
