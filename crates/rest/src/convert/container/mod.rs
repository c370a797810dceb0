//! Containers: the API's request → the engine's spec, and the engine's record → what the API tells.

mod health;
mod host;
mod inspect;
mod mount;
mod network;
mod request;
mod resource;
mod shoal;
mod stats;
mod summary;
mod update;

pub(crate) use host::Defaults;
pub(crate) use inspect::{Rooted, inspect};
pub(crate) use request::{config, endpoint_spec, spec};
pub(crate) use resource::warnings;
pub(crate) use stats::stats;
pub(crate) use summary::{ImageNames, summary};
pub(crate) use update::update;
