//! `oci-layout` and `index.json`, so that other programs can read the store as an OCI layout.
//!
//! They are derived from the metadata and never read back: a stale or missing one harms nobody here.
//! Source: the OCI image specification, `image-layout.md`.

use std::{collections::BTreeMap, fs, io};

use super::{catalog::Catalog, paths::Paths, state::forget};
use crate::{
    manifest::{Descriptor, Layout},
    platform::Platform,
};

/// Annotation that holds a name.
const NAME: &str = "org.opencontainers.image.ref.name";

/// Writes `index.json` anew.
pub(crate) fn write(paths: &Paths, catalog: &Catalog) {
    let target = paths.root().join("index.json");
    let draft = paths.temporary().join("index.json");
    let bytes = serde_json::to_vec(&index(catalog)).map_err(io::Error::other);
    fault::point("image: write index.json");
    let written = bytes.and_then(|bytes| fs::write(&draft, bytes)).and_then(|()| fs::rename(&draft, &target));
    if let Err(error) = written {
        tracing::warn!(%error, "cannot write index.json");
        forget(fs::remove_file(&draft), &draft);
    }
}

fn index(catalog: &Catalog) -> Layout {
    let mut manifests = Vec::new();
    for (id, entry) in &catalog.images {
        let record = &entry.record;
        let plain = Descriptor {
            platform: Some(Platform {
                os: entry.file.os.clone(),
                architecture: entry.file.architecture.clone(),
                variant: entry.file.variant.clone(),
            }),
            ..Descriptor::new(&record.manifest_type, record.manifest, record.manifest_size)
        };
        let tags: Vec<&String> = catalog.names_of(id).filter(|name| !name.contains('@')).collect();
        if tags.is_empty() {
            manifests.push(plain);
            continue;
        }
        manifests.extend(tags.into_iter().map(|tag| {
            let annotations = BTreeMap::from([(NAME.to_owned(), tag.clone())]);
            Descriptor { annotations: Some(annotations), ..plain.clone() }
        }));
    }
    Layout::new(manifests)
}
