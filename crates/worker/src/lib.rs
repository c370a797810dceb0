//! The worker's half of the cluster: what a node does about the tasks that the managers assign to it.
//!
//! In: the assignment stream of a dispatcher (over any channel that [`Connect`] yields) and what the
//! containers do, as told by the [`Executor`]. Out: calls on the executor's [`Controller`]s, task statuses
//! to the dispatcher, the node's ingress backends. A journal on disk keeps what is assigned, so that a
//! daemon that starts again takes its running containers back before, and without, any manager.
//!
//! One driver per task asks the pure [`step::step`] for its next move and makes it; nobody else touches
//! the task's container. This room knows no engine, no namespace and no file of a container: all of that
//! is behind [`Executor`], which has a fake here ([`fake::FakeExecutor`]) and a conformance suite
//! ([`conformance`]) that the fake and the real one both pass.

#![forbid(unsafe_code)]

pub mod agent;
pub mod assignment;
pub mod backoff;
pub mod conformance;
pub mod error;
pub mod executor;
pub mod fake;
pub mod step;

mod clock;
mod driver;
mod ingress;
mod journal;
mod link;
mod publish;
mod renewal;
mod reporter;
mod roster;
mod session;
mod solitude;
mod stock;

pub use agent::{Agent, AgentConfig, AgentStatus, Farewell};
pub use error::{AgentError, ErrorKind};
pub use executor::{Controller, Executor, ExecutorError, Exit, LogLines};
pub use link::{Connect, Place};
pub use stock::MemoryFile;
