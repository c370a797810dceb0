//! One request, as its handler gets it.

use super::hijack::Form;
use crate::Api;
use crate::http::version::Version;

/// One request, as its handler gets it.
pub(crate) struct Call<Q = NoQuery, B = ()> {
    /// The handles.
    pub(crate) api: Api,
    /// The version of the API that was asked for.
    pub(crate) version: Version,
    /// The first name in the path; empty where the route has none.
    pub(crate) name: String,
    /// The second one; empty where the route has one or none.
    pub(crate) second_name: String,
    /// Parameters, and the headers that count as such.
    pub(crate) query: Q,
    /// The body.
    pub(crate) body: B,
    /// How the client wants the connection if it leaves HTTP.
    pub(crate) form: Form,
}

/// For routes without parameters.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct NoQuery {}
