//! Progress of long work: streams of JSON messages (pull, load, import) and services that converge.

pub(crate) mod bar;
pub(crate) mod converge;
pub(crate) mod message;
mod painter;
pub(crate) mod watch;
