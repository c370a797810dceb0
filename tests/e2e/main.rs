//! End to end: real daemons, the real `docker` client and `shoal`, in namespaces the tests make.
#![forbid(unsafe_code)]

mod archive;
mod attack;
mod checkpoint;
mod client;
mod commit;
mod container;
mod crash;
mod daemon;
mod dns;
mod driver;
mod example;
mod exec;
mod flag;
mod health;
mod image;
mod input;
mod list;
mod log;
mod network;
mod point;
mod pull;
mod push;
mod remote;
mod resource;
mod restart;
mod runtime;
mod save;
mod seccomp;
mod service;
mod store;
mod stuck;
mod swarm;
mod userns;
mod volume;
mod websocket;
