//! Talking to the kernel over netlink, synchronously: a request is processed while it is sent, and takes less time
//! than the hand-over to another thread and back would. Nothing here knows what the messages are for.

mod attribute;
mod conntrack;
mod route;
mod socket;
mod watch;

pub(crate) use attribute::Attributes;
pub(crate) use attribute::parse;
pub(crate) use conntrack::{StaleFlows, flush_flows};
pub(crate) use route::{Request, Route};
pub(crate) use socket::{Socket, push_frame};
pub(crate) use watch::{LinkEvent, LinkWatch};
