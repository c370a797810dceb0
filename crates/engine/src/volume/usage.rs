//! What volumes take on the disk.

use super::{Volume, Volumes};

impl Volumes {
    /// The bytes on the disk of a volume's own directory, what describes it included; `None` if it cannot be walked.
    pub async fn disk_usage(&self, volume: &Volume) -> Option<u64> {
        let home = volume.mountpoint.parent()?.to_owned();
        tokio::task::spawn_blocking(move || image::disk_bytes(&home)).await.ok()?.ok()
    }
}
