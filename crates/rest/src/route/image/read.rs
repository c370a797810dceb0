//! Images as they are: list, inspect, history.

use std::collections::HashMap;

use engine_api::image::{ImageHistoryQuery, ImageInspectQuery, ImageListQuery};

use crate::convert;
use crate::filter::image::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn list(call: Call<ImageListQuery>) -> Outcome {
    let mut filter = Filter::new(call.query.filters)?;
    for reference in filter.references("before").to_vec() {
        let made = convert::image::created_ns(&*call.api.images.get(&reference).await?);
        filter.before_ns = Some(filter.before_ns.map_or(made, |other| other.min(made)));
    }
    for reference in filter.references("since").to_vec() {
        let made = convert::image::created_ns(&*call.api.images.get(&reference).await?);
        filter.since_ns = Some(filter.since_ns.map_or(made, |other| other.max(made)));
    }
    let mut used: HashMap<String, i64> = HashMap::new();
    for record in call.api.containers.list() {
        *used.entry(record.image_id.clone()).or_default() += 1;
    }
    let images = call.api.images.list().await?;
    let shown = images.iter().filter(|image| filter.shows(image, convert::image::created_ns(image)));
    let summaries = shown.map(|image| {
        let names = (
            filter.names(&image.repo_tags).cloned().collect(),
            filter.names(&image.repo_digests).cloned().collect(),
        );
        convert::image::summary(image, names, used.get(&image.id).copied().unwrap_or(0), call.version)
    });
    Answer::json(&summaries.collect::<Vec<_>>())
}

pub(super) async fn inspect(call: Call<ImageInspectQuery>) -> Outcome {
    let image = call.api.images.get(&call.name).await?;
    Answer::json(&convert::image::inspect(&image, call.version))
}

pub(super) async fn history(call: Call<ImageHistoryQuery>) -> Outcome {
    let image = call.api.images.get(&call.name).await?;
    Answer::json(&convert::image::history(&image))
}
