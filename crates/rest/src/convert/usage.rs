//! What takes how much of the disk → what the API tells, in its old form and its new one. Pure.

use engine_api::container::ContainerSummary;
use engine_api::image::ImageSummary;
use engine_api::usage::{CacheRecord, DiskUsage, KindUsage};
use engine_api::volume::Volume;

use crate::http::version::Version;

/// Since this version sums are told, and each object only when asked for.
const SUMS_SINCE: u16 = 52;
/// Until this version each object was told beside them.
const OBJECTS_UNTIL: u16 = 53;

/// What was measured; what was not asked for is `None`.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Each image, the bytes of all together, and those that removing the unused would give back.
    pub(crate) images: Option<(Vec<ImageSummary>, i64, i64)>,
    /// Each container and whether it runs.
    pub(crate) containers: Option<Vec<(ContainerSummary, bool)>>,
    /// Each volume.
    pub(crate) volumes: Option<Vec<Volume>>,
    /// Nothing is cached yet, but it may be asked for.
    pub(crate) build_cache: Option<Vec<CacheRecord>>,
}

/// The answer for a version of the API.
pub(crate) fn answer(measured: Measured, verbose: bool, version: Version) -> DiskUsage {
    let mut answer = DiskUsage::default();
    if version.since(SUMS_SINCE) {
        answer.image_usage = measured.images.as_ref().map(|images| of_images(images, verbose));
        answer.container_usage =
            measured.containers.as_ref().map(|containers| of_containers(containers, verbose));
        answer.volume_usage = measured.volumes.as_ref().map(|volumes| of_volumes(volumes, verbose));
        answer.build_cache_usage = measured
            .build_cache
            .as_ref()
            .map(|records| KindUsage { items: verbose.then(|| records.clone()), ..KindUsage::default() });
    }
    if !version.since(OBJECTS_UNTIL) {
        let (images, bytes) = measured.images.map(|(images, bytes, _)| (images, bytes)).unzip();
        (answer.images, answer.layers_size) = (images, bytes);
        answer.containers =
            measured.containers.map(|all| all.into_iter().map(|(container, _)| container).collect());
        answer.volumes = measured.volumes;
        answer.build_cache = measured.build_cache;
    }
    answer
}

fn of_images(
    (images, bytes, reclaimable): &(Vec<ImageSummary>, i64, i64),
    verbose: bool,
) -> KindUsage<ImageSummary> {
    KindUsage {
        active_count: count(images.iter().filter(|image| image.containers > 0)),
        total_count: count(images.iter()),
        reclaimable: *reclaimable,
        total_size: *bytes,
        items: verbose.then(|| images.clone()),
    }
}

fn of_containers(containers: &[(ContainerSummary, bool)], verbose: bool) -> KindUsage<ContainerSummary> {
    let bytes = |(container, _): &(ContainerSummary, bool)| container.size_rw.unwrap_or(0).max(0);
    KindUsage {
        active_count: count(containers.iter().filter(|(_, runs)| *runs)),
        total_count: count(containers.iter()),
        reclaimable: containers.iter().filter(|(_, runs)| !runs).map(bytes).sum(),
        total_size: containers.iter().map(bytes).sum(),
        items: verbose.then(|| containers.iter().map(|(container, _)| container.clone()).collect()),
    }
}

fn of_volumes(volumes: &[Volume], verbose: bool) -> KindUsage<Volume> {
    let is_used = |volume: &&Volume| volume.usage_data.is_some_and(|usage| usage.ref_count > 0);
    let bytes = |volume: &Volume| volume.usage_data.map_or(0, |usage| usage.size.max(0));
    KindUsage {
        active_count: count(volumes.iter().filter(is_used)),
        total_count: count(volumes.iter()),
        reclaimable: volumes.iter().filter(|volume| !is_used(volume)).map(bytes).sum(),
        total_size: volumes.iter().map(bytes).sum(),
        items: verbose.then(|| volumes.to_vec()),
    }
}

fn count(all: impl Iterator) -> i64 {
    i64::try_from(all.count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_api::volume::UsageData;

    fn measured() -> Measured {
        let volume =
            |ref_count, size| Volume { usage_data: Some(UsageData { ref_count, size }), ..Volume::default() };
        let container = |size| ContainerSummary { size_rw: Some(size), ..ContainerSummary::default() };
        Measured {
            images: Some((vec![ImageSummary { containers: 1, ..ImageSummary::default() }], 70, 7)),
            containers: Some(vec![(container(5), true), (container(3), false)]),
            volumes: Some(vec![volume(1, 10), volume(0, 2), volume(0, -1)]),
            build_cache: None,
        }
    }

    #[test]
    fn sums_since_one_version_and_objects_until_another() {
        let old = answer(measured(), false, Version(51));
        assert!(old.image_usage.is_none() && old.layers_size == Some(70));
        assert_eq!(old.containers.map(|all| all.len()), Some(2));
        let new = answer(measured(), false, Version(53));
        assert!(new.layers_size.is_none() && new.images.is_none() && new.build_cache_usage.is_none());
        let images = new.image_usage.expect("images");
        assert_eq!((images.active_count, images.total_size, images.reclaimable), (1, 70, 7));
        let containers = new.container_usage.expect("containers");
        assert_eq!((containers.active_count, containers.total_size, containers.reclaimable), (1, 8, 3));
        let volumes = new.volume_usage.expect("volumes");
        assert_eq!((volumes.active_count, volumes.total_size, volumes.reclaimable), (1, 12, 2));
        assert!(volumes.items.is_none());
        let both = answer(measured(), true, Version(52));
        assert!(both.volumes.is_some() && both.volume_usage.is_some_and(|volumes| volumes.items.is_some()));
    }
}
