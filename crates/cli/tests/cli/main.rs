//! The program `shoal` against a daemon that is not real: an HTTP server on a unix socket with canned answers.
//!
//! Shows what goes over the wire, what is printed where, and the exit codes. Needs neither root nor a daemon.

mod argument;
mod attach;
mod create;
mod fake;
mod listing;
mod network;
mod pull;
mod service;
mod swarm;
mod wire;
