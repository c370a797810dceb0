//! Archives of images, loaded into a store: all of an archive or nothing, and nothing left when its images are gone.

use std::{io::Cursor, path::Path, time::Duration};

use tokio::runtime::Runtime;

use super::layer::mend;
use crate::{Images, ImagesConfig, RemoveOptions};

/// How long the store may take to give its bytes back.
const PATIENCE: Duration = Duration::from_secs(20);

/// A store for one input after the other.
#[derive(Debug)]
pub struct Bench {
    runtime: Runtime,
    images: Images,
    root: std::path::PathBuf,
}

impl Bench {
    /// Opens a store in `scratch`, an empty directory that only root may enter.
    pub fn open(scratch: &Path) -> Bench {
        let runtime = Runtime::new().expect("threads can be started");
        let root = scratch.join("image");
        let config = ImagesConfig { root: root.clone(), ..ImagesConfig::default() };
        let images = runtime.block_on(Images::open(config)).expect("a store can be made");
        Bench { runtime, images, root }
    }

    /// Loads `bytes`, and removes what came of it.
    pub fn archive(&self, bytes: &[u8]) {
        self.attempt(bytes);
        let mended = mend(bytes);
        if mended != bytes {
            self.attempt(&mended);
        }
    }

    fn attempt(&self, bytes: &[u8]) {
        self.runtime.block_on(async {
            let nobody = tokio::sync::mpsc::channel(1).0;
            let loaded = self.images.load(Cursor::new(bytes.to_vec()), None, nobody).await;
            let images = self.images.list().await.expect("the store can be listed");
            match loaded {
                Ok(loaded) => assert_eq!(loaded.is_empty(), images.is_empty(), "what is told is there"),
                Err(_) => assert!(images.is_empty(), "an archive that is refused leaves no image"),
            }
            for image in &images {
                for layer in &image.diff_ids {
                    let hex = layer.trim_start_matches("sha256:");
                    assert!(self.root.join("layers").join(hex).is_dir(), "layer {layer} is there");
                }
            }
            while let Some(image) = self.images.list().await.expect("the store can be listed").first() {
                let all = RemoveOptions { force: true, ..RemoveOptions::default() };
                self.images.remove(&image.id, all).await.expect("what was loaded can be removed");
            }
            self.check_empty().await;
        });
    }

    /// The blobs and layers go in the background.
    async fn check_empty(&self) {
        let left = |directory: &str| {
            std::fs::read_dir(self.root.join(directory)).map_or(0, |entries| entries.flatten().count())
        };
        let begun = std::time::Instant::now();
        while ["blobs/sha256", "layers", "tmp"].iter().any(|directory| left(directory) > 0) {
            assert!(begun.elapsed() < PATIENCE, "the store keeps what no image has");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
}
