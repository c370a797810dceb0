//! `GET /containers/json`.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::filter::{Filter, Surroundings};
use engine::{Record, Sizes, Status};
use engine_api::Filters;
use engine_api::container::ListQuery;
use futures_util::future::join_all;
use image::Image;

use crate::Api;
use crate::convert::{self, container::ImageNames};
use crate::filter::pattern::Names;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// The filter that is judged here, since clients write it as a regular expression; all others are the engine's.
const NAME: &str = "name";
/// The filter that needs to know how images descend from one another.
const ANCESTOR: &str = "ancestor";

pub(super) async fn list(call: Call<ListQuery>) -> Outcome {
    let ListQuery { all, limit, size, filters: Filters(mut terms) } = call.query;
    let names = Names::new(NAME, &terms.remove(NAME).unwrap_or_default())?;
    let filter = Filter::new(terms)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let every = all || limit.is_some() || filter.asks_for_stopped();
    let records = call.api.containers.list();
    let images = call.api.images.list().await?;
    let ancestors = if filter.values(ANCESTOR).is_empty() { BTreeMap::new() } else { ancestors(&images) };
    let around = Surroundings { all: &records, ancestors: Some(&ancestors) };
    let mut shown = Vec::new();
    for record in &records {
        let slashed = format!("/{}", record.name);
        if (every || runs(record))
            && names.fit([record.name.as_str(), slashed.as_str()])
            && filter.matches(record, &around)?
        {
            shown.push(record);
        }
    }
    let image_names = ImageNames::new(&images);
    let now = swarm_api::now_ns();
    shown.truncate(limit.unwrap_or(usize::MAX));
    let mut summaries: Vec<_> = shown
        .iter()
        .map(|record| convert::container::summary(record, &image_names, call.version, now))
        .collect();
    if size {
        // Side by side: the engine bounds how many are counted at once.
        let counts = summaries.iter().map(|summary| sizes(&call.api, &summary.id));
        let counts = join_all(counts).await;
        for (summary, (own, root)) in summaries.iter_mut().zip(counts) {
            (summary.size_rw, summary.size_root_fs) = (Some(own), Some(root));
        }
    }
    Answer::json(&summaries)
}

/// Bytes of a container's own files and of its whole root; minus one for what is not known.
pub(super) async fn sizes(api: &Api, id: &str) -> (i64, i64) {
    let number = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    match api.containers.sizes(id).await {
        Ok(Sizes { own_bytes: Some(own), image_bytes }) => {
            (number(own), number(own.saturating_add(image_bytes)))
        }
        // It may be gone by now.
        Ok(Sizes { own_bytes: None, .. }) | Err(_) => (-1, -1),
    }
}

fn runs(record: &Record) -> bool {
    matches!(record.state.status, Status::Running | Status::Paused | Status::Restarting)
}

/// By image: all its names, and those of the images it was built from.
fn ancestors(images: &[Arc<Image>]) -> BTreeMap<String, Vec<String>> {
    let by_id: BTreeMap<&str, &Arc<Image>> = images.iter().map(|image| (image.id.as_str(), image)).collect();
    let line = |image: &Arc<Image>| {
        let mut names = Vec::new();
        let mut next = Some(image);
        // An image is built from one that was there before; the count bounds even a store that says otherwise.
        for _ in 0..images.len() {
            let Some(image) = next else { break };
            names.extend(names_of(image));
            next = by_id.get(image.parent.as_str()).copied();
        }
        // Where nobody wrote down what an image was built from, its layers tell: it begins with all of the other's.
        let below = images.iter().filter(|other| is_below(&other.diff_ids, &image.diff_ids));
        names.extend(below.flat_map(names_of));
        (image.id.clone(), names)
    };
    images.iter().map(line).collect()
}

fn names_of(image: &Arc<Image>) -> impl Iterator<Item = String> {
    let names = std::iter::once(&image.id).chain(&image.repo_tags).chain(&image.repo_digests);
    names.cloned().collect::<Vec<_>>().into_iter()
}

fn is_below<T: PartialEq>(lower: &[T], upper: &[T]) -> bool {
    !lower.is_empty() && lower.len() < upper.len() && upper.starts_with(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_below_those_that_begin_with_all_of_it() {
        assert!(is_below(&[1, 2], &[1, 2, 3]));
        assert!(!is_below(&[1, 2], &[1, 2]) && !is_below(&[2], &[1, 2]) && !is_below::<u8>(&[], &[1]));
    }
}
