//! `shoald --fsck`: whether the store is what its metadata says, while no daemon uses it.
//!
//! Inputs: the store on the disk, the containers that the engine knows. Outputs: a [`CheckReport`]. Changes nothing unless it
//! is to repair: then orphans are removed, images of which a part is missing or false are dropped (a pull or a load brings
//! them back), and layers that differ from their blobs are unpacked again.
//!
//! Blobs are checked by digest. A layer has none that could be taken from its files, so its presence and its link are
//! checked, and on request it is compared with what its blob unpacks to.

mod compare;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    config::ImageFile,
    digest::Digest,
    store::{
        ASIDE, Change, DIFF, ImageRecord, LOWER, Paths, Records, State, Tables, digest_of, names, owner,
        remove,
    },
};

/// How often something is removed that another thread deletes too; each try leaves less of it.
const REMOVE_TRIES: u32 = 100;

/// What to check, and what to do about it.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// The store's directory.
    pub root: PathBuf,
    /// The containers that the engine knows.
    pub containers: HashSet<String>,
    /// Compare layers with what their blobs unpack to.
    pub layers: bool,
    /// Put right what can be.
    pub repair: bool,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Images that the metadata names.
    pub images: usize,
    /// Blobs on the disk.
    pub blobs: usize,
    /// Layers on the disk.
    pub layers: usize,
    /// Writable layers of containers.
    pub containers: usize,
    /// What is wrong, a sentence each.
    pub findings: Vec<String>,
    /// Whether what is wrong was put right.
    pub is_repaired: bool,
}

/// Checks a store that nobody uses; whoever calls holds the data root's lock. Blocks.
///
/// # Errors
/// If the metadata cannot be read, or something cannot be looked at or put right.
pub fn check(options: &CheckOptions) -> Result<CheckReport> {
    let paths = Paths::new(options.root.clone());
    if !paths.database().exists() {
        return Ok(CheckReport::default());
    }
    let mut check = Check { paths, options, report: CheckReport::default(), wrong: Wrong::default() };
    let records = Tables::open(&check.paths)?.read()?;
    check.blobs(&records)?;
    check.images(&records);
    check.layers(&records)?;
    check.containers(&records)?;
    check.debris()?;
    if options.layers {
        check.compare(&records)?;
    }
    if options.repair && !check.report.findings.is_empty() {
        check.repair(&records)?;
        check.report.is_repaired = true;
    }
    Ok(check.report)
}

/// What a repair must know of the findings.
#[derive(Default)]
struct Wrong {
    blobs: HashSet<Digest>,
    layers: HashSet<Digest>,
    /// Layers whose files are not those of their blob.
    differing: Vec<(Digest, Digest)>,
    images: BTreeSet<Digest>,
    /// Writable layers without a container.
    homes: Vec<PathBuf>,
}

struct Check<'a> {
    paths: Paths,
    options: &'a CheckOptions,
    report: CheckReport,
    wrong: Wrong,
}

impl Check<'_> {
    fn find(&mut self, sentence: String) {
        self.report.findings.push(sentence);
    }

    /// Every blob has the digest that is its name, and somebody needs it.
    fn blobs(&mut self, records: &Records) -> Result<()> {
        let used: HashSet<&Digest> =
            records.images.iter().flat_map(|(id, image)| image.all_blobs(id)).collect();
        let mut there = HashSet::new();
        for name in names(&self.paths.blobs())? {
            let path = self.paths.blobs().join(&name);
            let Some(digest) = Digest::from_hex(&name).filter(|digest| used.contains(digest)) else {
                self.find(format!("blob {name}: no image needs it"));
                continue;
            };
            self.report.blobs += 1;
            there.insert(digest);
            if let Err(error) = digest_of(&path).and_then(|actual| actual.expect(&digest)) {
                self.find(format!("blob {digest}: {error}"));
                self.wrong.blobs.insert(digest);
            }
        }
        let missing: BTreeSet<Digest> = used.into_iter().filter(|id| !there.contains(id)).copied().collect();
        for digest in missing {
            self.find(format!("blob {digest}: is missing"));
            self.wrong.blobs.insert(digest);
        }
        Ok(())
    }

    /// What an image says of itself is what the metadata says of it.
    fn images(&mut self, records: &Records) {
        self.report.images = records.images.len();
        let known: HashSet<Digest> = records.images.iter().map(|(id, _)| *id).collect();
        for (id, image) in &records.images {
            if image.all_blobs(id).any(|blob| self.wrong.blobs.contains(blob)) {
                self.find(format!("image {id}: needs a blob that is missing or false"));
                self.wrong.images.insert(*id);
            } else if let Err(error) = self.configuration(id, image) {
                self.find(format!("image {id}: {error}"));
                self.wrong.images.insert(*id);
            }
        }
        for (name, id) in records.names.iter().filter(|(_, id)| !known.contains(id)) {
            self.find(format!("name {name}: there is no image {id}"));
        }
    }

    fn configuration(&self, id: &Digest, image: &ImageRecord) -> Result<()> {
        let path = self.paths.blob(id);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        let file: ImageFile =
            serde_json::from_slice(&bytes).map_err(|error| Error::Malformed(error.to_string()))?;
        let layers: Vec<String> = image.layers.iter().map(Digest::to_string).collect();
        if file.rootfs.diff_ids != layers || image.blobs.len() != image.layers.len() {
            return Err(Error::Malformed("its layers are not those of its configuration".to_owned()));
        }
        Ok(())
    }

    /// Every layer that is needed is there with its link, and no other.
    fn layers(&mut self, records: &Records) -> Result<()> {
        let known: HashMap<Digest, &str> =
            records.layers.iter().map(|(id, layer)| (*id, layer.link.as_str())).collect();
        for (id, layer) in &records.layers {
            if self.paths.layer(id).join(DIFF).is_dir() {
                self.report.layers += 1;
            } else {
                self.find(format!("layer {id}: its files are missing"));
                self.wrong.layers.insert(*id);
            }
            let link = self.paths.links().join(&layer.link);
            let target = Path::new("../layers").join(id.hex()).join(DIFF);
            if fs::read_link(&link).ok().as_deref() != Some(&target) {
                self.find(format!("layer {id}: its link {} is missing or leads elsewhere", layer.link));
                self.wrong.layers.insert(*id);
            }
        }
        for name in names(&self.paths.layers())? {
            if !Digest::from_hex(&name).is_some_and(|id| known.contains_key(&id)) {
                self.find(format!("layer {name}: nothing names it"));
            }
        }
        let links: HashSet<&str> = known.values().copied().collect();
        for name in names(&self.paths.links())?.iter().filter(|name| !links.contains(name.as_str())) {
            self.find(format!("link {name}: leads to no layer"));
        }
        for (id, image) in &records.images {
            let lacks = |layer: &&Digest| !known.contains_key(layer) || self.wrong.layers.contains(layer);
            if let Some(layer) = image.layers.iter().find(lacks) {
                let sentence = format!("image {id}: layer {layer} is missing or broken");
                self.find(sentence);
                self.wrong.images.insert(*id);
            }
        }
        Ok(())
    }

    /// Every writable layer has its container, and lies on layers that are there.
    fn containers(&mut self, records: &Records) -> Result<()> {
        let links: HashSet<&str> = records.layers.iter().map(|(_, layer)| layer.link.as_str()).collect();
        for name in names(&self.paths.containers())? {
            let home = self.paths.containers().join(&name);
            if !self.options.containers.contains(owner(&name)) {
                self.find(format!("writable layer {name}: there is no such container"));
                self.wrong.homes.push(home);
                continue;
            }
            self.report.containers += 1;
            let list = fs::read_to_string(home.join(LOWER)).unwrap_or_default();
            if list.lines().any(|link| !links.contains(link)) {
                self.find(format!("writable layer {name}: a layer beneath it is missing"));
            }
        }
        Ok(())
    }

    /// Nothing is left of work that was cut short.
    fn debris(&mut self) -> Result<()> {
        for name in names(&self.paths.temporary())? {
            self.find(format!("tmp/{name}: left by work that was cut short"));
        }
        Ok(())
    }

    /// Every layer has the files that its blob unpacks to.
    fn compare(&mut self, records: &Records) -> Result<()> {
        let blobs: HashMap<Digest, Digest> = records
            .images
            .iter()
            .flat_map(|(_, image)| image.layers.iter().copied().zip(image.blobs.iter().copied()))
            .filter(|(_, blob)| !self.wrong.blobs.contains(blob))
            .collect();
        for (id, _) in &records.layers {
            self.clear_asides();
            let Some(blob) = blobs.get(id).filter(|_| !self.wrong.layers.contains(id)) else { continue };
            let fresh = State::unpack_aside(&self.paths, id, blob)?;
            let own = self.paths.layer(id).join(DIFF);
            let differs = compare::difference(&fresh.directory().join(DIFF), &own);
            if let Some(path) = differs.map_err(Error::io("compare", &own))? {
                let place = path.display();
                self.find(format!("layer {id}: /{place} is not what its blob unpacks to"));
                self.wrong.differing.push((*id, *blob));
            }
        }
        self.clear_asides();
        Ok(())
    }

    /// What was unpacked for a comparison is deleted in the background, which a program that ends would cut short.
    fn clear_asides(&self) {
        for name in names(&self.paths.temporary()).unwrap_or_default() {
            if name.starts_with(ASIDE) {
                // Both may meet: then it is gone all the same.
                drop(remove(&self.paths.temporary().join(name)));
            }
        }
    }

    /// What the metadata names falsely goes from it first; opening the store then sweeps all that it does not name.
    fn repair(&self, records: &Records) -> Result<()> {
        let is_wrong = |id: &Digest| self.wrong.images.contains(id);
        let known = |id: &Digest| records.images.iter().any(|(other, _)| other == id);
        let names = records.names.iter().filter(|(_, id)| is_wrong(id) || !known(id));
        let mut changes: Vec<Change> = self.wrong.images.iter().map(|id| Change::DropImage(*id)).collect();
        changes.extend(names.map(|(name, _)| Change::DropName(name.clone())));
        Tables::open(&self.paths)?.commit(&changes)?;
        for home in &self.wrong.homes {
            remove(home).map_err(Error::io("remove", home))?;
        }
        let mut state = State::open(self.paths.clone())?;
        for (layer, blob) in &self.wrong.differing {
            state.unpack_again(layer, Some(blob))?;
        }
        drop(state);
        for name in self::names(&self.paths.temporary())? {
            let path = self.paths.temporary().join(name);
            remove_with_others(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }
}

/// Removes what the background may be deleting at this moment: whoever comes second to a file of it finds none, and
/// whoever comes first to its directory finds it not empty yet.
fn remove_with_others(path: &Path) -> io::Result<()> {
    let mut tries = 1;
    loop {
        match remove(path) {
            Err(error) if tries < REMOVE_TRIES => {
                tracing::debug!(path = %path.display(), %error, "deleted by two at once");
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}
