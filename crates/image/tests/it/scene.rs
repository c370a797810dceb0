//! A store in a directory of its own, and what tests look at in it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use image::{Images, ImagesConfig, ProgressSender};
use tempfile::TempDir;

/// How long a test waits for what happens in the background.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store that is removed with the test.
pub(crate) struct Scene {
    pub(crate) images: Images,
    root: PathBuf,
    _directory: Option<TempDir>,
}

impl Scene {
    pub(crate) async fn new() -> Scene {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test needs root: layers have owners, devices and whiteouts"
        );
        let directory = tempfile::Builder::new().prefix("shoal-image-").tempdir().unwrap();
        let root = directory.path().join("image");
        let images = open(&root).await;
        Scene { images, root, _directory: Some(directory) }
    }

    /// A store in a directory that somebody else removes.
    pub(crate) async fn at(root: PathBuf) -> Scene {
        Scene { images: open(&root).await, root, _directory: None }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopen(self) -> Scene {
        let Scene { images, root, _directory } = self;
        drop(images);
        Scene { images: open(&root).await, root, _directory }
    }

    /// The files of the image's topmost layer.
    pub(crate) async fn top_layer(&self, reference: &str) -> PathBuf {
        let image = self.images.get(reference).await.unwrap();
        let diff_id = image.diff_ids.last().unwrap();
        self.root.join("layers").join(diff_id.trim_start_matches("sha256:")).join("diff")
    }

    /// Everything beneath some directories of the store, once the background is done with it.
    pub(crate) async fn eventually_only(&self, directory: &str, wanted: usize) {
        let path = self.root.join(directory);
        eventually(|| names(&path).len() == wanted, || format!("{directory} has {:?}", names(&path))).await;
    }

    /// No content and nothing half-done.
    pub(crate) async fn eventually_empty(&self) {
        for directory in ["blobs/sha256", "layers", "l", "tmp"] {
            self.eventually_only(directory, 0).await;
        }
    }
}

/// The metadata file of a store that was just dropped is free a moment later.
async fn open(root: &Path) -> Images {
    open_with(ImagesConfig { root: root.to_owned(), ..ImagesConfig::default() }).await
}

pub(crate) async fn open_with(config: ImagesConfig) -> Images {
    let start = Instant::now();
    loop {
        match Images::open(config.clone()).await {
            Ok(images) => return images,
            Err(error) if start.elapsed() > PATIENCE => panic!("{error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

pub(crate) async fn eventually(mut condition: impl FnMut() -> bool, words: impl Fn() -> String) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{}", words());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Progress that nobody reads.
pub(crate) fn nobody() -> ProgressSender {
    tokio::sync::mpsc::channel(1).0
}
