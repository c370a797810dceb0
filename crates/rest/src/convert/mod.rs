//! Between the API's models and the values of the other rooms. Pure.

mod certificate;
pub(crate) mod container;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod image;
pub(crate) mod log;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod overlay;
pub(crate) mod platform;
pub(crate) mod service;
pub(crate) mod swarm;
pub(crate) mod swarm_network;
pub(crate) mod task;
pub(crate) mod time;
pub(crate) mod usage;
pub(crate) mod volume;
