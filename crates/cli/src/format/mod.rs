//! How results look: tables, templates, JSON, sizes and times. Pure: no file, no clock, no network.

mod absent;
pub(crate) mod indent;
pub(crate) mod list;
pub(crate) mod tab;
pub(crate) mod template;
pub(crate) mod text;
pub(crate) mod unit;
