//! The writable layer of a container: what was changed in it, how large it is, and an image made of it.
//!
//! Inputs: the layer's directory as overlayfs keeps it, which the container may be changing, and the image's layers below.
//! Outputs: [`Change`]s, [`Sizes`], images. What the engine itself puts into every container's layer counts as the image's
//! ([`made`]), as with Docker.

mod change;
mod commit;
mod compare;
mod made;
mod size;

pub use change::{Change, ChangeKind};
pub use commit::CommitOptions;
pub(crate) use commit::PAUSED_FILE;
pub(crate) use compare::{is_dir, is_same, look};
pub use size::Sizes;
