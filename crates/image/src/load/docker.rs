//! `manifest.json`, Docker's own table of contents.

use serde::Deserialize;

use super::{Draft, contents::Contents};
use crate::{
    Error, Result, import,
    manifest::{MAX_CONFIG_BYTES, MAX_LAYERS, MAX_MANIFEST_BYTES},
    reference::Reference,
};

/// Most images of one archive: a table of a few megabytes could name one image a hundred thousand times.
const MAX_IMAGES: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// The images of `manifest.json`; none if there is no such file.
pub(super) fn read(contents: &Contents) -> Result<Option<Vec<Draft>>> {
    let Some(file) = contents.find("manifest.json")? else { return Ok(None) };
    let items: Vec<Item> = serde_json::from_slice(&file.bytes(MAX_MANIFEST_BYTES)?)
        .map_err(|error| Error::Archive(format!("manifest.json: {error}")))?;
    if items.len() > MAX_IMAGES {
        return Err(Error::Archive(format!("more than {MAX_IMAGES} images")));
    }
    items.into_iter().map(|item| draft(contents, item)).collect::<Result<_>>().map(Some)
}

fn draft(contents: &Contents, item: Item) -> Result<Draft> {
    let layers = item.layers.unwrap_or_default();
    if layers.len() > MAX_LAYERS {
        return Err(Error::Malformed(format!("more than {MAX_LAYERS} layers")));
    }
    let names = item.repo_tags.unwrap_or_default();
    Ok(Draft {
        config: contents.keep(contents.require(&item.config)?, MAX_CONFIG_BYTES)?,
        layers: layers.iter().map(|name| contents.require_number(name)).collect::<Result<_>>()?,
        manifest: None,
        names: names
            .iter()
            .map(|name| Reference::parse(name).and_then(import::taggable))
            .collect::<Result<_>>()?,
    })
}
