//! The engine with real shims, images and networks: needs root, and the programs `shoal-shim` and `shoal-net`.

mod attach;
mod boot;
mod disk;
mod life;
mod logs;
mod network;
mod oom;
mod recovery;
mod restart;
mod stuck;
mod world;
