//! Images as they are: list, inspect, history.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use engine::Record;
use engine_api::image::{ImageHistoryQuery, ImageInspectQuery, ImageListQuery, ImageSummary};
use image::{Image, ImageUsage};

use crate::Api;
use crate::convert;
use crate::failure::Failure;
use crate::filter::image::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// Since this version a list tells manifests.
const LIST_MANIFESTS_SINCE: u16 = 47;
/// Since this version inspect does.
const INSPECT_MANIFESTS_SINCE: u16 = 48;

pub(super) async fn list(call: Call<ImageListQuery>) -> Outcome {
    let query = call.query;
    let mut filter = Filter::new(query.filters)?;
    for reference in filter.references("before").to_vec() {
        let made = convert::image::created_ns(&*call.api.images.get(&reference).await?);
        filter.before_ns = Some(filter.before_ns.map_or(made, |other| other.min(made)));
    }
    for reference in filter.references("since").to_vec() {
        let made = convert::image::created_ns(&*call.api.images.get(&reference).await?);
        filter.since_ns = Some(filter.since_ns.map_or(made, |other| other.max(made)));
    }
    let records = call.api.containers.list();
    let images = call.api.images.list().await?;
    let parents: HashSet<&str> = images.iter().map(|image| image.parent.as_str()).collect();
    let is_between = |image: &Image| parents.contains(image.id.as_str());
    let shown = images
        .iter()
        .filter(|image| filter.shows(image, convert::image::created_ns(image), is_between(image), query.all));
    let mut used: HashMap<&str, i64> = HashMap::new();
    for record in &records {
        *used.entry(record.image_id.as_str()).or_default() += 1;
    }
    let summary = |image: &Arc<Image>| {
        let names = (
            filter.names(&image.repo_tags).cloned().collect(),
            filter.names(&image.repo_digests).cloned().collect(),
        );
        let containers = used.get(image.id.as_str()).copied().unwrap_or(0);
        convert::image::summary(image, names, containers, call.version)
    };
    let mut summaries: Vec<ImageSummary> = shown.clone().map(summary).collect();
    if query.shared_size {
        let users = layer_users(&images);
        for (summary, image) in summaries.iter_mut().zip(shown.clone()) {
            summary.shared_size = convert::image::shared_size(image, &users);
        }
    }
    if query.manifests && call.version.since(LIST_MANIFESTS_SINCE) {
        let usage = usage(&call.api).await?;
        for (summary, image) in summaries.iter_mut().zip(shown) {
            summary.manifests = Some(manifests(image, &usage, &records));
        }
    }
    Answer::json(&summaries)
}

/// How many images have each layer.
fn layer_users(images: &[Arc<Image>]) -> BTreeMap<&str, usize> {
    let mut users: BTreeMap<&str, usize> = BTreeMap::new();
    for image in images {
        // A layer that an image has twice is not shared for that.
        let layers: HashSet<&str> = image.diff_ids.iter().map(String::as_str).collect();
        layers.into_iter().for_each(|layer| *users.entry(layer).or_default() += 1);
    }
    users
}

pub(super) async fn inspect(call: Call<ImageInspectQuery>) -> Outcome {
    let wants_manifests = call.query.manifests && call.version.since(INSPECT_MANIFESTS_SINCE);
    if wants_manifests && !call.query.platform.is_empty() {
        return Err(Failure::invalid(
            "conflicting options: manifests and platform options cannot both be set",
        ));
    }
    let image = call.api.images.get(&call.name).await?;
    if let Some(platform) = convert::platform::platform(&call.query.platform)? {
        image.expect_platform(&call.name, &platform)?;
    }
    let driver = call.api.facts.borrow().storage_driver.clone();
    let dirs = call.api.images.layer_dirs(&image.id).await?;
    let mut told = convert::image::inspect(&image, &driver, &dirs, call.version);
    if wants_manifests {
        told.manifests = Some(manifests(&image, &usage(&call.api).await?, &call.api.containers.list()));
    }
    Answer::json(&told)
}

pub(super) async fn history(call: Call<ImageHistoryQuery>) -> Outcome {
    let image = call.api.images.get(&call.name).await?;
    if let Some(platform) = convert::platform::platform(&call.query.platform)? {
        image.expect_platform(&call.name, &platform)?;
    }
    let mut parents: Vec<Arc<Image>> = Vec::new();
    // An image is built from one that was there before; the count bounds even a store that says otherwise.
    for _ in 0..image.history.len() {
        let parent = parents.last().unwrap_or(&image).parent.clone();
        match call.api.images.get(&parent).await {
            Ok(parent) => parents.push(parent),
            Err(_) => break,
        }
    }
    Answer::json(&convert::image::history(&image, &parents))
}

async fn usage(api: &Api) -> Result<BTreeMap<String, ImageUsage>, Failure> {
    Ok(api.images.usage(HashSet::new()).await?.images)
}

fn manifests(
    image: &Image,
    usage: &BTreeMap<String, ImageUsage>,
    records: &[Arc<Record>],
) -> Vec<engine_api::image::ImageManifest> {
    let users = records.iter().filter(|record| record.image_id == image.id);
    let users = users.map(|record| record.id.clone()).collect();
    convert::image::manifests(image, usage.get(&image.id).copied().unwrap_or_default(), users)
}
