//! The image room as its callers see it, on real directories. Needs root: layers have owners, devices and whiteouts.

mod archive;
mod commit;
mod false_registry;
mod full_disk;
mod hostile;
mod import;
mod load;
mod pull;
mod pull_fault;
mod push;
mod registry;
mod save;
mod scene;
mod writable;
