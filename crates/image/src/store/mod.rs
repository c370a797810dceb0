//! The content store: blobs by digest as an OCI layout, unpacked layers, writable layers, and the metadata of images.
//!
//! One thread ([`keeper`]) owns the [`state`] and makes every change; readers share an immutable [`catalog`].
//! What is being fetched lies in an [`operation`]'s directory until one [`publish`] moves all of it into place.

mod catalog;
mod count;
mod index;
mod keeper;
mod measured;
mod open;
mod operation;
mod paths;
mod publish;
mod record;
mod reserve;
mod seen;
mod settle;
mod state;
mod table;
mod trash;
mod used;
mod writable;

use std::{collections::HashSet, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

pub(crate) use catalog::{Catalog, Entry};
pub(crate) use open::{names, read_small};
pub(crate) use operation::{Hold, Holder, Operation, Workplace};
pub(crate) use paths::{DIFF, LOWER, Paths};
pub(crate) use publish::{NewImage, Publication};
pub(crate) use record::{BlobRecord, ImageRecord, Packed};
pub(crate) use seen::Seen;
pub(crate) use settle::{ASIDE, digest_of};
pub(crate) use table::{Change, Records, Tables};
pub(crate) use trash::remove;
pub(crate) use trash::remove_at;
pub(crate) use writable::{owner, rootfs};

use crate::{Result, background};
use keeper::Keeper;
use measured::Measured;
use settle::Settling;
pub(crate) use state::{State, TRASH};

/// A handle on the store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    paths: Arc<Paths>,
    catalog: Arc<ArcSwap<Catalog>>,
    keeper: Keeper,
    settling: Settling,
    measured: Measured,
    /// Told when content is on its way in, and when it was.
    arrivals: Arc<Notify>,
}

impl Store {
    /// Opens or makes the store and sweeps what a crash left.
    pub(crate) async fn open(paths: Paths) -> Result<Store> {
        let state = background::run("image-open", move || State::open(paths)).await?;
        let (paths, catalog) = (state.paths.clone(), state.published.clone());
        let keeper = Keeper::start(state)?;
        let settling = Settling::new(catalog.clone(), paths.clone(), keeper.downgrade());
        settling.later();
        Ok(Store {
            paths,
            catalog,
            keeper,
            settling,
            measured: Measured::default(),
            arrivals: Arc::default(),
        })
    }

    /// Moves what an operation brought into place: all of it appears, or none.
    pub(crate) async fn publish(&self, publication: Publication) -> Result<()> {
        self.change(move |state| state.publish(publication)).await?;
        self.settling.later();
        Ok(())
    }

    /// The store as it is now; later changes do not show in it.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    pub(crate) fn paths(&self) -> &Arc<Paths> {
        &self.paths
    }

    /// Runs `change` on the thread that owns the state.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.keeper.run(change).await
    }

    /// Takes the writable layer of a container out of the store.
    pub(crate) async fn release(&self, container: String) -> Result<()> {
        let trash = self.change(move |state| state.release(&container)).await?;
        // Not waited for: the layer is gone from where it was.
        tokio::task::spawn_blocking(|| trash.delete());
        Ok(())
    }

    /// Takes the writable layers of all containers but these out of the store.
    pub(crate) async fn retain(&self, live: HashSet<String>) -> Result<()> {
        let trash = self.change(move |state| state.retain(&live)).await?;
        tokio::task::spawn_blocking(|| trash.into_iter().for_each(writable::Trash::delete));
        Ok(())
    }

    /// What can keep content in the store.
    pub(crate) fn holder(&self) -> Holder {
        Holder { keeper: self.keeper.clone() }
    }

    /// A place for content that is on its way in.
    pub(crate) async fn operation(&self) -> Result<Operation> {
        let (keeper, arrivals) = (self.keeper.clone(), self.arrivals.clone());
        self.keeper.run(move |state| Operation::begin(keeper, arrivals, state)).await
    }

    pub(crate) fn arrivals(&self) -> &Notify {
        &self.arrivals
    }
}
