//! Sealing: what a manager has on disk is encrypted and authenticated, under keys that lie beside it.
//!
//! [`Keyring`] is the file of those keys; with autolock it is itself sealed under the [`UnlockKey`], which is nowhere on this
//! machine's disk. A [`Key`] seals one record, [`SealedWriter`] and [`SealedReader`] a stream of any length. What a sealed thing
//! is and where it belongs goes into its *context*, so that none can stand in another's place.

mod frame;
mod key;
mod keyring;
mod passphrase;
mod unlock;

pub(crate) use frame::{SealedReader, SealedWriter};
pub(crate) use key::{Forged, Key, random};
pub use keyring::{Keyring, SealError};
pub(crate) use passphrase::{ROUNDS, SALT_BYTES, derive};
pub use unlock::{InvalidUnlockKey, UnlockKey};
