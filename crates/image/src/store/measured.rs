//! What layers take on the disk, as far as somebody has measured them: a layer never changes, so it is walked once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::Store;
use crate::digest::Digest;

/// Bytes by diff id.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured(Arc<Mutex<HashMap<Digest, u64>>>);

impl Store {
    pub(crate) fn measured(&self, layer: &Digest) -> Option<u64> {
        self.measured.0.lock().unwrap_or_else(PoisonError::into_inner).get(layer).copied()
    }

    pub(crate) fn remember_measured(&self, layer: Digest, bytes: u64) {
        self.measured.0.lock().unwrap_or_else(PoisonError::into_inner).insert(layer, bytes);
    }

    /// Forgets the layers that are not kept.
    pub(crate) fn forget_measured(&self, keep: impl Fn(&Digest) -> bool) {
        self.measured.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|layer, _| keep(layer));
    }
}
