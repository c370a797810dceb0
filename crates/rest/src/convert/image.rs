//! Images of the store → what the API tells.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use engine_api::Timestamp;
use engine_api::container::{DriverData, Empty};
use engine_api::image::{
    Descriptor, ErrorDetail, ImageConfig, ImageDeleteResponseItem, ImageHistoryItem, ImageInspect,
    ImageManifest, ImageMetadata, ImageSummary, ManifestImage, ManifestSize, OciPlatform, ProgressDetail,
    ProgressMessage, RootFs, UnpackedSize,
};
use image::{Image, ImageUsage, Progress, Removed};

use crate::http::version::Version;

const SECOND_NS: i64 = 1_000_000_000;
/// Until this version the size was also told as another.
const VIRTUAL_SIZE_UNTIL: u16 = 44;
/// What old clients expect where an image has no name.
const NONE: &str = "<none>:<none>";
const NONE_DIGEST: &str = "<none>@<none>";
/// Until this version an image without a name had those.
const NONE_UNTIL: u16 = 43;
/// Since this version it is told what an image's names mean.
const DESCRIPTOR_SINCE: u16 = 48;

/// When an image was made, nanoseconds; zero if it does not say.
pub(crate) fn created_ns(image: &Image) -> i64 {
    image.created.as_deref().and_then(Timestamp::parse).and_then(Timestamp::ns).unwrap_or(0)
}

fn size(image: &Image) -> i64 {
    bytes(image.size_bytes)
}

/// The entry of an image in a list, with the names that are shown and the number of containers that use it.
pub(crate) fn summary(
    image: &Image,
    names: (Vec<String>, Vec<String>),
    containers: i64,
    version: Version,
) -> ImageSummary {
    let (mut repo_tags, mut repo_digests) = names;
    if !version.since(NONE_UNTIL) && repo_tags.is_empty() && repo_digests.is_empty() {
        repo_tags.push(NONE.to_owned());
        repo_digests.push(NONE_DIGEST.to_owned());
    }
    ImageSummary {
        id: image.id.clone(),
        parent_id: image.parent.clone(),
        repo_tags,
        repo_digests,
        created: created_ns(image).div_euclid(SECOND_NS),
        size: size(image),
        shared_size: -1,
        virtual_size: (!version.since(VIRTUAL_SIZE_UNTIL)).then(|| size(image)),
        labels: image.labels().clone(),
        containers,
        manifests: None,
        descriptor: descriptor(image, version),
    }
}

fn descriptor(image: &Image, version: Version) -> Option<Descriptor> {
    version.since(DESCRIPTOR_SINCE).then(|| Descriptor {
        media_type: image.manifest_media_type.clone(),
        digest: image.manifest_digest.clone(),
        size: bytes(image.manifest_size_bytes),
        platform: None,
    })
}

/// The one manifest of an image: only what runs on this machine is kept of an index.
pub(crate) fn manifests(image: &Image, usage: ImageUsage, containers: Vec<String>) -> Vec<ImageManifest> {
    let platform = OciPlatform {
        architecture: image.architecture.clone(),
        os: image.os.clone(),
        variant: image.variant.clone().unwrap_or_default(),
    };
    let descriptor = Descriptor {
        media_type: image.manifest_media_type.clone(),
        digest: image.manifest_digest.clone(),
        size: bytes(image.manifest_size_bytes),
        platform: Some(platform.clone()),
    };
    let unpacked = usage.bytes.saturating_sub(usage.content_bytes);
    vec![ImageManifest {
        id: image.manifest_digest.clone(),
        descriptor,
        available: true,
        size: ManifestSize { total: bytes(usage.bytes), content: bytes(usage.content_bytes) },
        kind: "image".to_owned(),
        image_data: Some(ManifestImage {
            platform,
            containers,
            size: UnpackedSize { unpacked: bytes(unpacked) },
        }),
    }]
}

/// Of an image's size, the bytes of layers that others have too.
pub(crate) fn shared_size(image: &Image, users: &BTreeMap<&str, usize>) -> i64 {
    let layers = image.diff_ids.iter().zip(&image.layer_sizes_bytes);
    let shared = layers.filter(|(layer, _)| users.get(layer.as_str()).is_some_and(|users| *users > 1));
    bytes(shared.map(|(_, bytes)| *bytes).sum())
}

/// A number of bytes as the API writes it.
pub(crate) fn bytes(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What inspect tells.
pub(crate) fn inspect(image: &Image, driver: &str, dirs: &[PathBuf], version: Version) -> ImageInspect {
    ImageInspect {
        id: image.id.clone(),
        repo_tags: image.repo_tags.clone(),
        repo_digests: image.repo_digests.clone(),
        parent: image.parent.clone(),
        comment: image.comment.clone(),
        created: image.created.as_deref().and_then(Timestamp::parse).unwrap_or_default(),
        author: image.author.clone(),
        config: config(&image.config),
        architecture: image.architecture.clone(),
        variant: image.variant.clone().unwrap_or_default(),
        os: image.os.clone(),
        size: size(image),
        virtual_size: (!version.since(VIRTUAL_SIZE_UNTIL)).then(|| size(image)),
        graph_driver: DriverData { name: driver.to_owned(), data: driver_data(dirs) },
        root_fs: RootFs { kind: "layers".to_owned(), layers: image.diff_ids.clone() },
        metadata: ImageMetadata { last_tag_time: Timestamp::from_ns_or_never(image.tagged_at_ns) },
        descriptor: descriptor(image, version),
        manifests: None,
    }
}

/// Where the layers lie, topmost first; nothing is ever mounted there.
fn driver_data(dirs: &[PathBuf]) -> Option<BTreeMap<String, String>> {
    let (top, below) = dirs.split_first()?;
    let mut data = BTreeMap::from([("UpperDir".to_owned(), top.display().to_string())]);
    if !below.is_empty() {
        let below: Vec<String> = below.iter().map(|dir| dir.display().to_string()).collect();
        data.insert("LowerDir".to_owned(), below.join(":"));
    }
    Some(data)
}

fn config(config: &image::Config) -> ImageConfig {
    let empties = |names: &std::collections::BTreeSet<String>| -> BTreeMap<String, Empty> {
        names.iter().map(|name| (name.clone(), Empty {})).collect()
    };
    ImageConfig {
        user: config.user.clone(),
        exposed_ports: empties(&config.exposed_ports),
        env: config.env.clone(),
        cmd: config.cmd.clone(),
        volumes: (!config.volumes.is_empty()).then(|| empties(&config.volumes)),
        working_dir: config.working_dir.clone(),
        entrypoint: config.entrypoint.clone(),
        on_build: (!config.on_build.is_empty()).then(|| config.on_build.clone()),
        labels: config.labels.clone(),
        stop_signal: config.stop_signal.clone().unwrap_or_default(),
        healthcheck: config.healthcheck.as_ref().and_then(|probe| serde_json::to_value(probe).ok()),
        shell: config.shell.clone().unwrap_or_default(),
    }
}

/// The steps that made an image, newest first. `parents` are the images it was built from here, the nearest first.
pub(crate) fn history(image: &Image, parents: &[Arc<Image>]) -> Vec<ImageHistoryItem> {
    let mut sizes = image.layer_sizes_bytes.iter();
    let step = |step: &image::History| ImageHistoryItem {
        id: "<missing>".to_owned(),
        created: seconds(step.created.as_deref()),
        created_by: step.created_by.clone().unwrap_or_default(),
        tags: None,
        size: if step.empty_layer { 0 } else { bytes(sizes.next().copied().unwrap_or(0)) },
        comment: step.comment.clone().unwrap_or_default(),
    };
    let mut steps: Vec<_> = image.history.iter().map(step).collect();
    steps.reverse();
    // Each image is named at the step that made it; of those below the first that is not here nothing is known.
    let known = std::iter::once(image).chain(parents.iter().map(AsRef::as_ref));
    for (step, image) in steps.iter_mut().zip(known) {
        step.id.clone_from(&image.id);
        step.tags = (!image.repo_tags.is_empty()).then(|| image.repo_tags.clone());
    }
    steps
}

fn seconds(time: Option<&str>) -> i64 {
    time.and_then(Timestamp::parse).and_then(Timestamp::ns).map_or(0, |ns| ns.div_euclid(SECOND_NS))
}

/// One effect of a removal.
pub(crate) fn removed(removed: &Removed) -> ImageDeleteResponseItem {
    match removed {
        Removed::Untagged(name) => ImageDeleteResponseItem { untagged: Some(name.clone()), deleted: None },
        Removed::Deleted(id) => ImageDeleteResponseItem { untagged: None, deleted: Some(id.clone()) },
    }
}

/// One line of progress.
pub(crate) fn progress(progress: Progress) -> ProgressMessage {
    let detail = ProgressDetail { current: progress.current, total: progress.total };
    ProgressMessage {
        status: Some(progress.status),
        progress_detail: progress.id.is_some().then_some(detail),
        id: progress.id,
        ..ProgressMessage::default()
    }
}

/// A line of plain text.
pub(crate) fn line(text: String) -> ProgressMessage {
    ProgressMessage { stream: Some(text), ..ProgressMessage::default() }
}

/// The last line of a stream that failed.
pub(crate) fn failed(message: String) -> ProgressMessage {
    let detail = ErrorDetail { message: message.clone() };
    ProgressMessage { error_detail: Some(detail), error: Some(message), ..ProgressMessage::default() }
}
