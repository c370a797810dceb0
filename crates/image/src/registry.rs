//! The client of registries: just what a pull needs, with a bound on every body.
//!
//! Inputs: answers of registries and token servers, hostile. Outputs: verified documents and blobs on disk.
//! Credentials go to the registry they are for, and to the token server it names over TLS; redirects to other hosts do
//! not get them. A client is made for one pull and dropped with it, since the system's roots take memory.
//! Source: the OCI distribution specification; Docker's token authentication.

mod auth;
mod blob;
mod certificate;
pub(crate) mod challenge;
mod client;
mod endpoint;
mod failure;
mod login;
mod patience;
mod redirect;
mod search;
mod source;
mod tags;
mod upload;

pub(crate) use auth::Access;
pub(crate) use blob::{Step, download, pipe};
pub(crate) use client::{Client, unreachable};
pub(crate) use endpoint::{Endpoint, endpoints};
pub(crate) use source::{Growth, Source};
pub(crate) use upload::Begun;
