//! The image room as its callers see it, on real directories. Needs root: layers have owners, devices and whiteouts.

mod archive;
mod hostile;
mod import;
mod load;
mod scene;
mod writable;
