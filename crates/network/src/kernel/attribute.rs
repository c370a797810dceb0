//! Netlink attributes: length, type, value, padded to four bytes. Netfilter's numbers are in network byte order.

/// Marks an attribute whose value is attributes again.
const NESTED: u16 = 1 << 15;
/// The bits of a type that are flags.
const FLAGS: u16 = 3 << 14;
const HEADER_LEN: usize = 4;

/// Attributes under construction, behind whatever the buffer already has.
pub(crate) struct Attributes<'a>(&'a mut Vec<u8>);

impl<'a> Attributes<'a> {
    /// Continues at the end of `buffer`.
    pub(crate) fn new(buffer: &'a mut Vec<u8>) -> Attributes<'a> {
        Attributes(buffer)
    }

    /// Appends plain bytes.
    pub(crate) fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.put(kind, |buffer| buffer.extend_from_slice(value))
    }

    /// Appends a number in network byte order.
    pub(crate) fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Appends text with the zero byte the kernel wants behind it.
    pub(crate) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.put(kind, |buffer| {
            buffer.extend_from_slice(value.as_bytes());
            buffer.push(0);
        })
    }

    /// Appends an attribute of attributes.
    pub(crate) fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        self.put(kind | NESTED, |buffer| fill(&mut Attributes(buffer)))
    }

    fn put(&mut self, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let start = self.0.len();
        self.0.extend_from_slice(&[0; HEADER_LEN]);
        fill(self.0);
        let len = self.0.len() - start;
        debug_assert!(len <= usize::from(u16::MAX), "an attribute is at most 64 KiB long");
        self.0[start..start + 2].copy_from_slice(&(len as u16).to_ne_bytes());
        self.0[start + 2..start + 4].copy_from_slice(&kind.to_ne_bytes());
        self.0.resize(start + len.next_multiple_of(4), 0);
        self
    }
}

/// Walks attributes as (type without flags, value), as far as they are whole.
pub(crate) fn parse(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let header = bytes.get(..HEADER_LEN)?;
        let len = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & !FLAGS;
        let value = bytes.get(HEADER_LEN..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_written() {
        let mut buffer = Vec::new();
        Attributes::new(&mut buffer).text(1, "ab").nested(2, |inner| {
            inner.number(3, 7);
        });
        let outer: Vec<_> = parse(&buffer).collect();
        assert_eq!(outer[0], (1, &b"ab\0"[..]));
        assert_eq!(parse(outer[1].1).collect::<Vec<_>>(), [(3, &[0, 0, 0, 7][..])]);
    }

    #[test]
    fn torn_attributes_end_the_walk() {
        for bytes in [&[][..], &[9][..], &[200, 0, 1, 0, 5][..], &[0, 0, 1, 0][..], &[3, 0, 1, 0][..]] {
            assert_eq!(parse(bytes).count(), 0);
        }
    }
}
