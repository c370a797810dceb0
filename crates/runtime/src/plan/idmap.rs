//! Maps of user and group ids between a user namespace and its parent. Pure.

use std::fmt::Write as _;

use super::invalid;
use crate::Result;
use crate::oci::LinuxIdMapping;

/// The kernel takes this many lines (user_namespaces(7)).
const MAX_RANGES: usize = 340;

/// Both maps of a user namespace or of an id-mapped mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdMaps {
    pub(crate) uids: IdMap,
    pub(crate) gids: IdMap,
}

/// Ranges of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdMap(Vec<Range>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    inside: u32,
    outside: u32,
    count: u32,
}

impl IdMaps {
    /// Checks the maps of a specification; `None` if there are none.
    pub(super) fn new(
        uids: Option<&[LinuxIdMapping]>,
        gids: Option<&[LinuxIdMapping]>,
    ) -> Result<Option<IdMaps>> {
        match (uids.unwrap_or_default(), gids.unwrap_or_default()) {
            ([], []) => Ok(None),
            ([], _) | (_, []) => Err(invalid("uidMappings and gidMappings are needed together")),
            (uids, gids) => Ok(Some(IdMaps { uids: IdMap::new(uids)?, gids: IdMap::new(gids)? })),
        }
    }
}

impl IdMap {
    fn new(ranges: &[LinuxIdMapping]) -> Result<IdMap> {
        if ranges.len() > MAX_RANGES {
            return Err(invalid("an id map has too many ranges"));
        }
        let range = |range: &LinuxIdMapping| {
            let (inside, outside, count) = (range.container_id(), range.host_id(), range.size());
            let fits = |first: u32| first.checked_add(count).is_some();
            if count == 0 || !fits(inside) || !fits(outside) {
                return Err(invalid(&format!(
                    "the id range {inside} {outside} {count} is empty or too long"
                )));
            }
            Ok(Range { inside, outside, count })
        };
        ranges.iter().map(range).collect::<Result<_>>().map(IdMap)
    }

    /// Reads what the kernel shows in `/proc/<pid>/uid_map`; lines that are no ranges are left out.
    pub(crate) fn parse(text: &str) -> IdMap {
        let range = |line: &str| {
            let mut numbers = line.split_ascii_whitespace().map(str::parse);
            let mut next = || numbers.next()?.ok();
            Some(Range { inside: next()?, outside: next()?, count: next()? })
        };
        IdMap(text.lines().filter_map(range).collect())
    }

    /// As `/proc/<pid>/uid_map` takes it.
    pub(crate) fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, range| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{} {} {}", range.inside, range.outside, range.count);
            text
        })
    }

    /// The number outside, if the id is mapped.
    pub(crate) fn outside(&self, inside: u32) -> Option<u32> {
        self.0.iter().find_map(|range| {
            let offset = inside.checked_sub(range.inside).filter(|offset| *offset < range.count)?;
            range.outside.checked_add(offset)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::LinuxIdMappingBuilder;

    fn mapping(inside: u32, outside: u32, size: u32) -> LinuxIdMapping {
        LinuxIdMappingBuilder::default().container_id(inside).host_id(outside).size(size).build().unwrap()
    }

    #[test]
    fn ids_are_translated_by_the_range_that_holds_them() {
        let map = IdMap::new(&[mapping(0, 100_000, 10), mapping(10, 5000, 1)]).unwrap();
        assert_eq!(map.outside(0), Some(100_000));
        assert_eq!(map.outside(9), Some(100_009));
        assert_eq!(map.outside(10), Some(5000));
        assert_eq!(map.outside(11), None);
        assert_eq!(IdMap::parse(&map.text()), map);
    }

    #[test]
    fn the_kernels_own_spacing_is_read() {
        assert_eq!(IdMap::parse("         0     100000      65536\n").outside(1), Some(100_001));
    }

    #[test]
    fn empty_and_overflowing_ranges_are_refused() {
        for range in [mapping(0, 0, 0), mapping(u32::MAX, 0, 2), mapping(0, u32::MAX, 2)] {
            assert!(IdMap::new(&[range]).is_err());
        }
        assert!(IdMaps::new(Some(&[mapping(0, 1, 1)]), None).is_err());
        assert_eq!(IdMaps::new(None, Some(&[])).unwrap(), None);
    }
}
