//! Opening: read all metadata, drop what is broken, sweep what nothing names.
//!
//! An image whose configuration or layers are not there any more (a power loss before they reached the disk, a hand
//! that deleted them) is dropped with a warning: the others stay usable, and a pull brings it back.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::Arc,
};

use arc_swap::ArcSwap;

use super::{
    catalog::Catalog,
    count::Counts,
    index,
    paths::{DIFF, LOWER, Paths},
    record::ImageRecord,
    settle,
    state::State,
    table::{Change, Records, Tables},
};
use crate::{
    Error, Result,
    config::ImageFile,
    digest::Digest,
    manifest::{MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, OCI_LAYOUT},
};

impl State {
    pub(crate) fn open(paths: Paths) -> Result<State> {
        State::open_in_boot(paths, settle::boot_id()?)
    }

    /// Apart for tests, which cannot boot.
    pub(super) fn open_in_boot(paths: Paths, boot_id: String) -> Result<State> {
        make_directories(&paths)?;
        let tables = Tables::open(&paths)?;
        let mut state = State {
            paths: Arc::new(paths),
            published: Arc::new(ArcSwap::from_pointee(Catalog::default())),
            tables,
            layer_users: Counts::default(),
            blob_users: Counts::default(),
            containers: HashMap::new(),
            used: HashMap::new(),
            boot_id,
            serial: 0,
        };
        state.start_serial()?;
        state.load()?;
        state.sweep()?;
        index::write(&state.paths, &state.published.load());
        Ok(state)
    }

    /// Names of what is still being deleted from before are not taken again.
    fn start_serial(&mut self) -> Result<()> {
        for name in names(&self.paths.temporary())? {
            let number = name.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
            self.serial = self.serial.max(number.unwrap_or(0));
        }
        Ok(())
    }

    fn load(&mut self) -> Result<()> {
        let mut records = self.tables.read()?;
        self.repair(&mut records)?;
        let Records { images, names, layers, blobs } = records;
        let there: HashSet<Digest> = layers
            .iter()
            .filter(|(id, _)| self.paths.layer(id).join(DIFF).is_dir())
            .map(|(id, _)| *id)
            .collect();
        let mut catalog = Catalog::default();
        let mut files = HashMap::new();
        let (mut keep, mut drop) = (Vec::new(), Vec::new());
        for (id, record) in images {
            match read_image(&self.paths, &id, &record, &there) {
                Ok(file) => {
                    files.insert(id, Arc::new(file));
                    self.layer_users.add(&record.layers);
                    self.blob_users.add(record.all_blobs(&id));
                    keep.push(Change::PutImage(id, record));
                }
                Err(error) => {
                    tracing::warn!(image = %id, %error, "drop an image that is not whole");
                    drop.push(Change::DropImage(id));
                }
            }
        }
        for (name, id) in names {
            match files.contains_key(&id) {
                true => keep.push(Change::PutName(name, id)),
                false => drop.push(Change::DropName(name)),
            }
        }
        let links: HashMap<String, Digest> =
            layers.iter().map(|(id, layer)| (layer.link.clone(), *id)).collect();
        self.load_containers(&links)?;
        for (id, layer) in layers {
            match there.contains(&id) && self.layer_users.is_used(&id) {
                true => keep.push(Change::PutLayer(id, layer)),
                false => drop.push(Change::DropLayer(id)),
            }
        }
        for (id, blob) in blobs {
            match self.blob_users.is_used(&id) {
                true => keep.push(Change::PutBlob(id, blob)),
                false => drop.push(Change::DropBlob(id)),
            }
        }
        if !drop.is_empty() {
            self.tables.commit(&drop)?;
        }
        catalog.apply(&keep, &files);
        self.published.store(Arc::new(catalog));
        Ok(())
    }

    /// Containers keep their layers, even those whose image is gone.
    fn load_containers(&mut self, links: &HashMap<String, Digest>) -> Result<()> {
        for id in names(&self.paths.containers())? {
            let Ok(home) = self.paths.container(&id) else { continue };
            match fs::read_to_string(home.join(LOWER)) {
                Ok(list) => {
                    let layers: Option<Vec<Digest>> =
                        list.lines().map(|link| links.get(link).copied()).collect();
                    // Made again from the image at the next start, if that is there: the list, or the layers it speaks
                    // of, were lost with the machine's power.
                    let Some(layers) = layers.filter(|layers| !layers.is_empty()) else {
                        tracing::debug!(
                            container = id,
                            "its list of layers is empty, or names one that is not there"
                        );
                        continue;
                    };
                    self.layer_users.add(&layers);
                    self.containers.insert(id, layers);
                }
                Err(error) => tracing::warn!(container = id, %error, "no list of layers"),
            }
        }
        Ok(())
    }

    /// Removes temporary files, and content that the metadata does not name.
    fn sweep(&mut self) -> Result<()> {
        let catalog = self.published.load_full();
        let links: HashSet<&str> = catalog.layers.values().map(|layer| layer.link.as_str()).collect();
        let is =
            |name: &str, used: &dyn Fn(&Digest) -> bool| Digest::from_hex(name).is_some_and(|id| used(&id));
        let mut doomed = Vec::new();
        for name in names(&self.paths.temporary())? {
            doomed.push(self.paths.temporary().join(name));
        }
        for name in names(&self.paths.blobs())? {
            if !is(&name, &|id| self.blob_users.is_used(id)) {
                doomed.push(self.paths.blobs().join(name));
            }
        }
        for name in names(&self.paths.layers())? {
            if !is(&name, &|id| catalog.layers.contains_key(id)) {
                doomed.push(self.paths.layers().join(name));
            }
        }
        for name in names(&self.paths.links())? {
            if !links.contains(name.as_str()) {
                doomed.push(self.paths.links().join(name));
            }
        }
        if !doomed.is_empty() {
            tracing::info!(count = doomed.len(), "sweep what an earlier run left");
            self.throw_away(doomed);
        }
        Ok(())
    }
}

fn make_directories(paths: &Paths) -> Result<()> {
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700);
    for directory in [
        paths.root().to_owned(),
        paths.blobs(),
        paths.layers(),
        paths.links(),
        paths.containers(),
        paths.temporary(),
    ] {
        fault::point("image: make directory");
        private.create(&directory).map_err(Error::io("create", &directory))?;
    }
    let layout = paths.root().join("oci-layout");
    fault::point("image: write layout");
    fs::write(&layout, OCI_LAYOUT).map_err(Error::io("write", &layout))
}

fn read_image(
    paths: &Paths,
    id: &Digest,
    record: &ImageRecord,
    layers: &HashSet<Digest>,
) -> Result<ImageFile> {
    let bytes = read_small(&paths.blob(id), MAX_CONFIG_BYTES)?;
    Digest::of(&bytes).expect(id)?;
    Digest::of(&read_small(&paths.blob(&record.manifest), MAX_MANIFEST_BYTES)?).expect(&record.manifest)?;
    for blob in record.all_blobs(id) {
        let path = paths.blob(blob);
        fs::symlink_metadata(&path).map_err(Error::io("read", &path))?;
    }
    if let Some(missing) = record.layers.iter().find(|layer| !layers.contains(layer)) {
        return Err(Error::Malformed(format!("layer {missing} is missing")));
    }
    serde_json::from_slice(&bytes).map_err(|error| Error::Malformed(format!("image configuration: {error}")))
}

/// A file that is read whole, which must not be larger than `limit` bytes.
pub(crate) fn read_small(path: &Path, limit: u64) -> Result<Vec<u8>> {
    use std::io::Read;
    let file = fs::File::open(path).map_err(Error::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { what: path.display().to_string(), limit });
    }
    Ok(bytes)
}

/// The names in a directory that are text; nothing else is ever made here.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory).map_err(Error::io("read", directory))?;
    let names = entries.map(|entry| entry.map(|e| e.file_name().into_string().ok()));
    let names: io::Result<Vec<Option<String>>> = names.collect();
    Ok(names.map_err(Error::io("read", directory))?.into_iter().flatten().collect())
}
