//! The server as clients meet it: requests as bytes over a connection, answers as bytes back.

mod client;
mod container;
mod fixture;
mod hijack;
mod listen;
mod managers;
mod refusal;
mod swarm;
mod system;
