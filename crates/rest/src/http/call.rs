//! One request, as its handler gets it.

use crate::Api;
use crate::http::version::Version;

/// One request, as its handler gets it.
pub(crate) struct Call<Q = NoQuery, B = ()> {
    /// The handles.
    pub(crate) api: Api,
    /// The version of the API that was asked for.
    pub(crate) version: Version,
    /// The name in the path; empty where the route has none.
    pub(crate) name: String,
    /// Parameters, and the headers that count as such.
    pub(crate) query: Q,
    /// The body.
    pub(crate) body: B,
    /// Whether the client asked to switch protocols.
    pub(crate) upgrade: bool,
}

/// For routes without parameters.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct NoQuery {}
