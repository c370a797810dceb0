//! The daemon's user namespace: which numbers of the host stand for those inside its containers.
//!
//! One map for all containers; one that asks for `userns=host` has none. Layers and volumes keep the numbers of the
//! inside on disk, and are mounted through the map.

use crate::config::EngineConfig;
use crate::spec::{HostConfig, NamespaceMode};
use runtime::oci::{LinuxIdMapping, LinuxIdMappingBuilder};

/// Users and groups of the inside, as numbers of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdMaps {
    /// Of users.
    pub uids: Vec<IdRange>,
    /// Of groups.
    pub gids: Vec<IdRange>,
}

/// Numbers that follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first one inside.
    pub inside: u32,
    /// What it is on the host.
    pub outside: u32,
    /// How many they are.
    pub count: u32,
}

impl IdMaps {
    /// User and group of the host that root inside is.
    pub fn root(&self) -> (u32, u32) {
        let first = |ranges: &[IdRange]| {
            ranges.iter().find(|range| range.inside == 0).map_or(0, |range| range.outside)
        };
        (first(&self.uids), first(&self.gids))
    }

    /// A user and a group of the inside as numbers of the host; `None` if one of them has none.
    pub(crate) fn outside(&self, uid: u32, gid: u32) -> Option<(u32, u32)> {
        let outside = |ranges: &[IdRange], inside: u32| {
            ranges.iter().find_map(|range| {
                let at = inside.checked_sub(range.inside).filter(|at| *at < range.count)?;
                range.outside.checked_add(at)
            })
        };
        Some((outside(&self.uids, uid)?, outside(&self.gids, gid)?))
    }
}

/// The map of a container with this configuration.
pub(crate) fn of<'a>(engine: &'a EngineConfig, host: &HostConfig) -> Option<&'a IdMaps> {
    engine.userns.as_ref().filter(|_| host.userns_mode != NamespaceMode::Host)
}

/// In the words of the runtime's configuration.
pub(crate) fn mappings(ranges: &[IdRange]) -> Vec<LinuxIdMapping> {
    let mapping = |range: &IdRange| {
        LinuxIdMappingBuilder::default()
            .container_id(range.inside)
            .host_id(range.outside)
            .size(range.count)
            .build()
            .ok()
    };
    ranges.iter().filter_map(mapping).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_the_first_of_its_range() {
        let range = |inside, outside| IdRange { inside, outside, count: 10 };
        let maps = IdMaps { uids: vec![range(10, 5), range(0, 100)], gids: vec![range(0, 200)] };
        assert_eq!(maps.root(), (100, 200));
        assert_eq!((maps.outside(12, 9), maps.outside(9, 10)), (Some((7, 209)), None));
        assert_eq!(mappings(&maps.uids)[1].host_id(), 100);
    }
}
