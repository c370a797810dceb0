//! When images were last used: in memory, and on the disk with an hour's delay.

use std::collections::HashMap;

use super::{record::ImageRecord, state::State, table::Change};
use crate::{Result, digest::Digest};

/// How old what is on the disk may become before it is written anew, in nanoseconds.
const WRITE_AFTER_NS: i64 = 3600 * 1_000_000_000;

impl State {
    /// Notes that these images are used now. Answers when each image was last used, and the layers that containers hold.
    pub(crate) fn note_used(
        &mut self,
        images: &[Digest],
        now_ns: i64,
    ) -> Result<(HashMap<Digest, i64>, Vec<Digest>)> {
        let catalog = self.published.load_full();
        self.used.extend(images.iter().map(|id| (*id, now_ns)));
        self.used.retain(|id, _| catalog.images.contains_key(id));
        let last = |id: &Digest, record: &ImageRecord| {
            let noted = self.used.get(id).copied().unwrap_or(0);
            noted.max(record.used_at_ns).max(record.tagged_at_ns)
        };
        let last_used: HashMap<Digest, i64> =
            catalog.images.iter().map(|(id, entry)| (*id, last(id, &entry.record))).collect();
        let due = catalog.images.iter().filter_map(|(id, entry)| {
            let used_at_ns = last_used[id];
            (used_at_ns - entry.record.used_at_ns > WRITE_AFTER_NS)
                .then(|| Change::PutImage(*id, ImageRecord { used_at_ns, ..entry.record.clone() }))
        });
        let due: Vec<Change> = due.collect();
        if !due.is_empty()
            && let Err(error) = self.alter(due)
        {
            // A full disk must not keep the collector from its work; memory knows.
            tracing::warn!(%error, "when images were used is not written");
        }
        Ok((last_used, self.containers.values().flatten().copied().collect()))
    }
}
