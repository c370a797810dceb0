//! Files in and out of containers and volumes: `cp`, `export`, `volume export`, `volume import`.
//!
//! Purpose: what a path in a container is; archives of files there, and from archives files there. Inputs: paths and tar
//! streams of clients, roots whose layout the container decides. Outputs: [`PathStat`], streams of bytes.
//!
//! A running container's root is reached through its first process, a stopped one's is mounted for one thread
//! ([`reach`]). Every path is resolved beneath that root by the kernel, and everything is told apart by what was opened
//! ([`crate::tree`]): a process that swaps parts of a path meanwhile gets its own files copied, or an error. No program
//! runs in the container for this, and none of its libraries is loaded. Memory does not grow with what is copied.
//!
//! - [`patient`]: what a client sends, to a thread
//! - [`path`]: Docker's reading of paths · [`resolve`]: where links lead, for telling
//! - [`owner`]: whose the files become · [`pack`]: a tree as an archive · [`as_layer`]: a writable layer as an image's · [`stream`]: from a thread to a client

mod as_layer;
mod copy_in;
mod copy_out;
mod export;
mod owner;
mod pack;
mod path;
mod patient;
mod reach;
mod resolve;
mod stat;
mod stream;
mod volume_in;
mod volume_out;

pub(crate) use as_layer::write_layer;
pub(crate) use copy_in::owner;
pub(crate) use reach::blocking;

pub use copy_in::ExtractOptions;
pub use stat::PathStat;
pub use stream::ArchiveStream;
