//! The user's terminal: raw mode, size, detach keys, signals. Touches nothing else.

mod detach;
mod raw;
mod secret;
mod signal;

pub(crate) use detach::{DetachKeys, Scanned};
pub(crate) use raw::{RawMode, size};
pub(crate) use secret::read_secret;
pub(crate) use signal::{Signals, Winch, impatience};
