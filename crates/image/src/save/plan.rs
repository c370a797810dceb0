//! The files of an archive of images, in their order: the tables of contents first, so that who loads it knows what comes.
//!
//! Source: Docker's image specification 1.3 (`manifest.json`, `repositories`) and the OCI image layout (`oci-layout`,
//! `index.json`, `blobs/`), with the annotations that Docker and containerd give names by.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::PathBuf,
};

use serde::Serialize;

use super::choice::Chosen;
use crate::{
    Error, Result,
    digest::Digest,
    layer_chain::chain_ids,
    load::{FULL_NAME, REF_NAME},
    manifest::{Descriptor, Layout, MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, OCI_LAYOUT},
    store::{Paths, read_small},
};

/// One entry of the archive.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) content: Content,
}

/// What an entry holds.
#[derive(Debug)]
pub(super) enum Content {
    Directory,
    Bytes(Vec<u8>),
    /// A file of the store, and its bytes.
    Blob {
        path: PathBuf,
        size: u64,
    },
}

/// An image in `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    /// Null if there are none, as Docker writes it.
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// All entries. Reads configurations and manifests, which are small; layers are only measured.
pub(super) fn parts(images: &[Chosen], paths: &Paths) -> Result<Vec<Part>> {
    let index = Layout::new(images.iter().flat_map(descriptors).collect());
    let mut parts = vec![
        file("oci-layout", OCI_LAYOUT.as_bytes().to_vec()),
        file("index.json", json(&index)?),
        file("manifest.json", json(&images.iter().map(item).collect::<Vec<_>>())?),
    ];
    let repositories = repositories(images);
    if !repositories.is_empty() {
        parts.push(file("repositories", json(&repositories)?));
    }
    for name in ["blobs/", "blobs/sha256/"] {
        parts.push(Part { name: name.to_owned(), content: Content::Directory });
    }
    let mut written = HashSet::new();
    for image in images {
        let record = &image.entry.record;
        for (digest, limit) in [(image.id, MAX_CONFIG_BYTES), (record.manifest, MAX_MANIFEST_BYTES)] {
            if written.insert(digest) {
                parts.push(file(&blob_name(&digest), read_small(&paths.blob(&digest), limit)?));
            }
        }
    }
    for digest in images.iter().flat_map(|image| &image.entry.record.blobs) {
        if written.insert(*digest) {
            let path = paths.blob(digest);
            let size = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
            parts.push(Part { name: blob_name(digest), content: Content::Blob { path, size } });
        }
    }
    Ok(parts)
}

fn file(name: &str, bytes: Vec<u8>) -> Part {
    Part { name: name.to_owned(), content: Content::Bytes(bytes) }
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Malformed(error.to_string()))
}

/// One for each name, or one without a name.
fn descriptors(image: &Chosen) -> Vec<Descriptor> {
    let record = &image.entry.record;
    let plain = Descriptor::new(&record.manifest_type, record.manifest, record.manifest_size);
    let named = image.names.iter().map(|name| {
        let tag = name.tag.clone().unwrap_or_default();
        let annotations = [(FULL_NAME.to_owned(), name.to_string()), (REF_NAME.to_owned(), tag)];
        Descriptor { annotations: Some(BTreeMap::from(annotations)), ..plain.clone() }
    });
    let named: Vec<Descriptor> = named.collect();
    if named.is_empty() { vec![plain] } else { named }
}

fn item(image: &Chosen) -> Item {
    let names: Vec<String> = image.names.iter().map(|name| name.familiar()).collect();
    Item {
        config: blob_name(&image.id),
        repo_tags: (!names.is_empty()).then_some(names),
        layers: image.entry.record.blobs.iter().map(blob_name).collect(),
    }
}

/// Repository → tag → what stands for the topmost layer: the table of the oldest archives.
fn repositories(images: &[Chosen]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for image in images {
        let top = chain_ids(&image.entry.record.layers).last().map(Digest::hex).unwrap_or_default();
        for name in &image.names {
            let tag = name.tag.clone().unwrap_or_default();
            repositories.entry(name.familiar_repository()).or_default().insert(tag, top.clone());
        }
    }
    repositories
}
