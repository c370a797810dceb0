//! `docker rmi`: what goes when a name or an id is removed, and what forbids it.
//!
//! Inputs: the catalogue and the containers there are. Outputs: changes and the records of them. Pure; the keeper carries
//! it out in the same turn, so nothing comes between. Rules and wording are Docker's.

use std::collections::HashSet;

use crate::{
    Error, Images, RemoveOptions, Removed, Result,
    digest::Digest,
    layer_chain::chain_ids,
    model::short_id,
    reference::Reference,
    store::{Catalog, Change},
};

impl Images {
    /// Removes a name, or an image when it was the last one, by Docker's rules.
    pub async fn remove(&self, reference: &str, options: RemoveOptions) -> Result<Vec<Removed>> {
        let reference = reference.to_owned();
        self.store
            .change(move |state| {
                let catalog = state.published.load_full();
                let removal = Removal::plan(&catalog, &reference, &options)?;
                state.alter(removal.changes)?;
                Ok(removal.records)
            })
            .await
    }
}

/// A removal being planned, on a copy of the catalogue.
pub(crate) struct Removal<'a> {
    catalog: Catalog,
    options: &'a RemoveOptions,
    pub(crate) changes: Vec<Change>,
    records: Vec<Removed>,
}

/// Why an image cannot be removed.
struct Hindrance {
    /// Not even by force.
    is_hard: bool,
    /// A container uses it.
    is_used: bool,
    words: String,
}

impl<'a> Removal<'a> {
    fn plan(catalog: &Catalog, text: &str, options: &'a RemoveOptions) -> Result<Removal<'a>> {
        let id = catalog.resolve(text)?;
        removal_of_platforms(catalog, &id, text, options)?;
        let mut removal = Removal::new(catalog, options);
        if catalog.by_prefix(text) == Some(id) && !catalog.names_of(&id).any(|name| is_named(name, text)) {
            removal.by_id(id)?;
        } else if !removal.by_name(id, text)? {
            removal.image(id, options.force, true)?;
        }
        Ok(removal)
    }

    pub(crate) fn new(catalog: &Catalog, options: &'a RemoveOptions) -> Removal<'a> {
        Removal { catalog: catalog.clone(), options, changes: Vec::new(), records: Vec::new() }
    }

    /// Takes an image with all its names, unless a container uses it or another image was built from it.
    pub(crate) fn take(&mut self, id: Digest) -> Vec<Removed> {
        if !self.catalog.images.contains_key(&id) || self.hindrance(id, false, false).is_some() {
            return Vec::new();
        }
        for name in self.names(id) {
            self.untag(&name);
        }
        // Nothing can forbid it: all that could was just asked.
        drop(self.image(id, false, true));
        std::mem::take(&mut self.records)
    }

    /// True if that was all: other names remain.
    fn by_name(&mut self, id: Digest, text: &str) -> Result<bool> {
        let names = self.names(id);
        let user = self.options.in_use.iter().find(|user| user.image_id == id.to_string());
        if let Some(user) = user.filter(|_| !self.options.force && is_single(&names)) {
            return Err(Error::Conflict(format!(
                "unable to remove repository reference {text:?} (must force) - container {} is using its referenced image {}",
                short_id(&user.container_id),
                short_id(&id.to_string())
            )));
        }
        let parsed = Reference::parse(text)?.or_latest();
        let removed = match parsed.digest {
            Some(digest) => parsed.at(digest),
            None => parsed,
        };
        self.untag(&removed);
        let left = self.names(id);
        let same = |name: &&Reference| name.repository() == removed.repository();
        if removed.digest.is_none() && !left.iter().filter(same).any(|name| name.digest.is_none()) {
            // The last tag of a repository takes its digests along.
            left.iter().filter(same).for_each(|name| self.untag(name));
        }
        Ok(!self.names(id).is_empty())
    }

    fn by_id(&mut self, id: Digest) -> Result<()> {
        let names = self.names(id);
        if is_single(&names) {
            if let Some(hindrance) = self.hindrance(id, self.options.force, false) {
                return Err(hindrance.error(id));
            }
            names.iter().for_each(|name| self.untag(name));
        }
        self.image(id, self.options.force, false)
    }

    /// Removes an image and its unused parents. `quietly`: a name is gone already, so a conflict is no error.
    fn image(&mut self, id: Digest, force: bool, quietly: bool) -> Result<()> {
        if let Some(hindrance) = self.hindrance(id, force, true) {
            let is_dangling = self.names(id).is_empty() && !self.has_children(id);
            return match quietly && (!is_dangling || hindrance.is_used) {
                true => Ok(()),
                false => Err(hindrance.error(id)),
            };
        }
        for name in self.names(id) {
            self.untag(&name);
        }
        let Some(entry) = self.catalog.images.get(&id).cloned() else { return Ok(()) };
        self.change(Change::DropImage(id));
        self.records.push(Removed::Deleted(id.to_string()));
        let kept: HashSet<Digest> =
            self.catalog.images.values().flat_map(|other| chain_ids(&other.record.layers)).collect();
        let gone = chain_ids(&entry.record.layers).into_iter().rev().filter(|chain| !kept.contains(chain));
        self.records.extend(gone.map(|chain| Removed::Deleted(chain.to_string())));
        match entry.record.parent {
            Some(parent) if !self.options.no_prune && self.names(parent).is_empty() => {
                self.image(parent, false, true)
            }
            _ => Ok(()),
        }
    }

    /// What forbids the removal; `force` overrides what is soft.
    fn hindrance(&self, id: Digest, force: bool, with_names: bool) -> Option<Hindrance> {
        let using = |running| {
            let id = id.to_string();
            self.options.in_use.iter().find(move |user| user.image_id == id && user.running == running)
        };
        let hindrance = |is_hard, is_used, words: String| Some(Hindrance { is_hard, is_used, words });
        if self.has_children(id) {
            return hindrance(true, false, "image has dependent child images".to_owned());
        }
        if let Some(user) = using(true) {
            let words = format!("image is being used by running container {}", short_id(&user.container_id));
            return hindrance(true, true, words);
        }
        if force {
            return None;
        }
        if with_names && !self.names(id).is_empty() {
            return hindrance(false, false, "image is referenced in multiple repositories".to_owned());
        }
        let user = using(false)?;
        hindrance(
            false,
            true,
            format!("image is being used by stopped container {}", short_id(&user.container_id)),
        )
    }

    fn has_children(&self, id: Digest) -> bool {
        self.catalog.images.values().any(|other| other.record.parent == Some(id))
    }

    fn names(&self, id: Digest) -> Vec<Reference> {
        self.catalog.names_of(&id).filter_map(|name| Reference::parse(name).ok()).collect()
    }

    fn untag(&mut self, name: &Reference) {
        self.change(Change::DropName(name.to_string()));
        self.records.push(Removed::Untagged(name.familiar()));
    }

    fn change(&mut self, change: Change) {
        self.catalog.apply(std::slice::from_ref(&change), &Default::default());
        self.changes.push(change);
    }
}

impl Hindrance {
    fn error(self, id: Digest) -> Error {
        let force = if self.is_hard { "cannot be forced" } else { "must be forced" };
        Error::Conflict(format!("unable to delete {} ({force}) - {}", short_id(&id.to_string()), self.words))
    }
}

/// An image here is of one platform: whoever removes others has nothing to remove.
fn removal_of_platforms(catalog: &Catalog, id: &Digest, text: &str, options: &RemoveOptions) -> Result<()> {
    let Some(entry) = catalog.images.get(id) else { return Ok(()) };
    options.platforms.iter().try_for_each(|wanted| entry.image.expect_platform(text, wanted))
}

/// True if `text` is a way to write this long name.
fn is_named(name: &str, text: &str) -> bool {
    Reference::parse(text).is_ok_and(|reference| reference.or_latest().to_string() == name)
}

/// True if all names are of one repository and at most one of them is a tag.
fn is_single(names: &[Reference]) -> bool {
    let repositories: HashSet<String> = names.iter().map(Reference::repository).collect();
    repositories.len() == 1 && names.iter().filter(|name| name.digest.is_none()).count() <= 1
}
