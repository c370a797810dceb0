//! `GET /system/df`, and the prune of the one kind of which nothing is made yet: it finds nothing to remove.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ::http::Method;
use engine::Record;
use engine_api::usage::{BuildPruneQuery, BuildPruneResponse, DiskUsageQuery};
use engine_api::volume::{UsageData, Volume};
use image::{Image, Usage};

use crate::Api;
use crate::convert;
use crate::convert::container::ImageNames;
use crate::convert::image::bytes;
use crate::convert::usage::{Measured, answer};
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::table::Table;
use crate::http::version::Version;

const KINDS: [&str; 4] = ["container", "image", "volume", "build-cache"];

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/system/df", df);
    table.on(Method::POST, "/build/prune", prune_builds);
}

async fn df(call: Call<DiskUsageQuery>) -> Outcome {
    let DiskUsageQuery { kinds, verbose } = call.query;
    if let Some(unknown) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(Failure::invalid(format!("unknown object type: {unknown}")));
    }
    let wants = |kind: &str| kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind);
    let mut measured = Measured { build_cache: wants("build-cache").then(Vec::new), ..Measured::default() };
    if wants("image") || wants("container") {
        let records = call.api.containers.list();
        let images = records.iter().flat_map(|record| record.images());
        let used: HashSet<String> = images.map(str::to_owned).collect();
        let usage = call.api.images.usage(used).await?;
        let images = call.api.images.list().await?;
        if wants("image") {
            measured.images = Some(of_images(&images, &records, &usage, call.version));
        }
        if wants("container") {
            let homes = call.api.containers.disk_usage().await?;
            measured.containers = Some(of_containers(&images, &records, &usage, &homes, call.version));
        }
    }
    if wants("volume") {
        measured.volumes = Some(volumes(&call.api).await);
    }
    Answer::json(&answer(measured, verbose, call.version))
}

fn of_images(
    images: &[Arc<Image>],
    records: &[Arc<Record>],
    usage: &Usage,
    version: Version,
) -> (Vec<engine_api::image::ImageSummary>, i64, i64) {
    let summaries = images.iter().map(|image| {
        let users = records.iter().filter(|record| record.image_id == image.id).count();
        let names = (image.repo_tags.clone(), image.repo_digests.clone());
        let mut summary =
            convert::image::summary(image, names, i64::try_from(users).unwrap_or(i64::MAX), version);
        let own = usage.images.get(&image.id).copied().unwrap_or_default();
        // What it takes here, its blobs included: lists tell the size of its files.
        summary.size = bytes(own.bytes);
        summary.shared_size = bytes(own.shared_bytes);
        summary.virtual_size = summary.virtual_size.map(|_| summary.size);
        summary
    });
    (summaries.collect(), bytes(usage.images_bytes), bytes(usage.reclaimable_bytes))
}

fn of_containers(
    images: &[Arc<Image>],
    records: &[Arc<Record>],
    usage: &Usage,
    homes: &BTreeMap<String, u64>,
    version: Version,
) -> Vec<(engine_api::container::ContainerSummary, bool)> {
    let names = ImageNames::new(images);
    let sizes: BTreeMap<&str, u64> =
        images.iter().map(|image| (image.id.as_str(), image.size_bytes)).collect();
    let now = swarm_api::now_ns();
    let summary = |record: &Arc<Record>| {
        let mut summary = convert::container::summary(record, &names, version, now);
        let of = |map: &BTreeMap<String, u64>| map.get(&record.id).copied().unwrap_or(0);
        let own = of(&usage.containers) + of(homes);
        let below = sizes.get(record.image_id.as_str()).copied().unwrap_or(0);
        (summary.size_rw, summary.size_root_fs) = (Some(bytes(own)), Some(bytes(own + below)));
        (summary, super::image::runs(record))
    };
    records.iter().map(summary).collect()
}

async fn volumes(api: &Api) -> Vec<Volume> {
    let mut all = Vec::new();
    for volume in api.volumes.list() {
        let size = api.volumes.disk_usage(&volume).await.map_or(-1, bytes);
        let ref_count = i64::try_from(api.volumes.users(&volume.name).len()).unwrap_or(i64::MAX);
        let usage_data = Some(UsageData { ref_count, size });
        all.push(Volume { usage_data, ..convert::volume::volume(&volume) });
    }
    all
}

/// Nothing is cached yet.
async fn prune_builds(_call: Call<BuildPruneQuery>) -> Outcome {
    Answer::json(&BuildPruneResponse::default())
}
