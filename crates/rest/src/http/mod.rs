//! What every route shares: connections, versions, bodies, answers, streams, the table of routes.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod connection;
pub mod coverage;
pub(crate) mod dispatch;
pub(crate) mod hijack;
pub(crate) mod hold;
pub(crate) mod pattern;
pub(crate) mod table;
pub(crate) mod version;
pub(crate) mod websocket;
