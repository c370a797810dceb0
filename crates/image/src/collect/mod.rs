//! The garbage collector: gives the bytes of unused images back when the disk runs full, or the store grows beyond its limit.
//!
//! Inputs: a [`CollectPolicy`], the containers there are, the disk. Outputs: what was removed. What goes is decided by
//! [`plan`], which is pure; the removal is that of `image prune`. Whoever calls says when; [`Images::arrival`] says when
//! content comes, which is when a disk fills.
//!
//! When an image was last used is kept in memory and written at most once an hour for each image: no container costs a
//! commit. A death forgets an hour at most, and what containers use stays anyway.

mod plan;

use std::{collections::HashMap, fs, path::Path, sync::Arc, time::Duration};

use crate::{
    Error, ImageUse, Images, PruneOptions, Pruned, Result, background, clock,
    digest::Digest,
    disk::disk_bytes,
    store::{Catalog, Store, TRASH},
    usage::{Content, contents, sizes},
};
use plan::{Candidate, View, plan};

/// What is free beyond the least that must be, once the collector has worked: a quarter of it, so that it rests for a while.
const REST_DIVISOR: u64 = 4;

/// When images go by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectPolicy {
    /// Whether they do at all.
    pub enabled: bool,
    /// The most that all images together may take on the disk, in bytes; none: no limit.
    pub max_bytes: Option<u64>,
    /// How much of the file system is to be free.
    pub min_free: MinFree,
    /// An image that came or was used within this time stays.
    pub min_age: Duration,
}

/// How much of a file system is to be free: the smaller of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinFree {
    /// Of its size, in per cent.
    pub percent: u8,
    /// In bytes.
    pub bytes: u64,
}

impl Default for CollectPolicy {
    /// Only when less than a tenth of the disk is free, and less than 10 GB.
    fn default() -> Self {
        Self {
            enabled: true,
            max_bytes: None,
            min_free: MinFree { percent: 10, bytes: 10_000_000_000 },
            min_age: Duration::from_secs(600),
        }
    }
}

/// What a round of the collector did.
#[derive(Clone, Debug)]
pub struct Collected {
    /// Why, as a sentence for the log.
    pub reason: String,
    /// What went.
    pub pruned: Pruned,
}

/// What is missing, and why.
#[derive(Debug, PartialEq, Eq)]
struct Need {
    bytes: u64,
    reason: String,
}

/// The file system that the store is on.
#[derive(Clone, Copy, Debug)]
struct Disk {
    size_bytes: u64,
    free_bytes: u64,
}

impl Images {
    /// Ends when content is on its way into the store, or was just before: the time to look at the disk.
    pub async fn arrival(&self) {
        self.store.arrivals().notified().await;
    }

    /// Notes what is used, and removes images if the policy says that there is need. `None`: there was none.
    pub async fn collect(&self, in_use: Vec<ImageUse>) -> Result<Option<Collected>> {
        let used: Vec<Digest> = in_use.iter().filter_map(|user| user.image_id.parse().ok()).collect();
        let now_ns = clock::now_ns();
        let (last_used, held) = self.store.change(move |state| state.note_used(&used, now_ns)).await?;
        let policy = self.config().collect.clone();
        if !policy.enabled {
            return Ok(None);
        }
        let store = self.store.clone();
        let users = in_use.clone();
        let look = move || {
            let Some(need) = need(&store, &policy)? else { return Ok(None) };
            let catalog = store.catalog();
            let view = view(&store, &catalog, &users, &last_used, held)?;
            let min_age_ns = i64::try_from(policy.min_age.as_nanos()).unwrap_or(i64::MAX);
            Ok(Some((plan(&view, need.bytes, min_age_ns, now_ns), need.reason)))
        };
        let Some((ids, reason)) = background::run("image-collect", look).await? else { return Ok(None) };
        let pruned = self.take(ids, PruneOptions { in_use }).await?;
        Ok(Some(Collected { reason, pruned }))
    }
}

/// How many bytes must go.
fn need(store: &Store, policy: &CollectPolicy) -> Result<Option<Need>> {
    let root = store.paths().root();
    let stat = rustix::fs::statvfs(root).map_err(|error| Error::io("measure", root)(error.into()))?;
    let disk = Disk { size_bytes: stat.f_blocks * stat.f_frsize, free_bytes: stat.f_bavail * stat.f_frsize };
    let mut pending = None;
    let mut pending = || -> Result<u64> {
        // What is being deleted counts as free, or the next round would take more for it.
        match pending {
            Some(bytes) => Ok(bytes),
            None => Ok(*pending.insert(trash_bytes(&store.paths().temporary())?)),
        }
    };
    let least = least_free(&policy.min_free, disk.size_bytes);
    if disk.free_bytes < least {
        let free = disk.free_bytes + pending()?;
        if let Some(need) = too_little(free, least) {
            return Ok(Some(need));
        }
    }
    let Some(limit) = policy.max_bytes else { return Ok(None) };
    let taken: u64 = sizes(store, &store.catalog())?.values().sum();
    Ok(too_much(taken, limit))
}

fn least_free(min: &MinFree, size_bytes: u64) -> u64 {
    min.bytes.min(size_bytes / 100 * u64::from(min.percent))
}

fn too_little(free: u64, least: u64) -> Option<Need> {
    (free < least).then(|| Need {
        bytes: least + least / REST_DIVISOR - free,
        reason: format!("{free} bytes of the disk are free, fewer than {least}"),
    })
}

fn too_much(taken: u64, limit: u64) -> Option<Need> {
    (taken > limit).then(|| Need {
        bytes: taken - limit,
        reason: format!("images take {taken} bytes, more than {limit}"),
    })
}

/// What waits to be deleted.
fn trash_bytes(temporary: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(temporary).map_err(Error::io("read", temporary))? {
        let entry = entry.map_err(Error::io("read", temporary))?;
        if entry.file_name().as_encoded_bytes().starts_with(TRASH.as_bytes()) {
            bytes += disk_bytes(&entry.path()).map_err(Error::io("measure", entry.path()))?;
        }
    }
    Ok(bytes)
}

fn view(
    store: &Store,
    catalog: &Arc<Catalog>,
    users: &[ImageUse],
    last_used: &HashMap<Digest, i64>,
    held: Vec<Digest>,
) -> Result<View> {
    let mut contents = contents(catalog);
    let images = catalog.images.iter().map(|(id, entry)| {
        let candidate = Candidate {
            last_used_ns: last_used.get(id).copied().unwrap_or(0),
            is_dangling: entry.image.repo_tags.is_empty(),
            is_used: users.iter().any(|user| user.image_id == entry.image.id),
            parent: entry.record.parent,
            contents: contents.remove(id).unwrap_or_default(),
        };
        (*id, candidate)
    });
    Ok(View {
        images: images.collect(),
        sizes: sizes(store, catalog)?,
        held: held.into_iter().map(Content::Layer).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_by_share_or_by_bytes() {
        let min = MinFree { percent: 10, bytes: 10_000 };
        assert_eq!(least_free(&min, 50_000), 5_000);
        assert_eq!(least_free(&min, 5_000_000), 10_000);
        assert!(too_little(5_000, 5_000).is_none() && too_much(7, 7).is_none());
        assert_eq!(too_little(4_000, 5_000).map(|need| need.bytes), Some(2_250));
        assert_eq!(too_much(9, 7).map(|need| need.bytes), Some(2));
    }
}
