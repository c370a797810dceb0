//! Progress of long work: streams of JSON messages (pull, load, import), services that converge, and roots that are rotated.

pub(crate) mod bar;
pub(crate) mod converge;
pub(crate) mod message;
mod painter;
pub(crate) mod rotation;
pub(crate) mod watch;
