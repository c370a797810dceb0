//! What the routes read, for the test that compares them with the API's definition.

use engine_api::shape::{Field, Using};

use crate::http::table::Target;
use crate::route;

/// One route, as the table knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`…
    pub method: String,
    /// As the definition writes it: `/images/{name}/json`.
    pub path: String,
    /// Whether a handler stands behind it; if not it answers 501.
    pub handled: bool,
    /// Parameters that the handler knows, headers included.
    pub parameters: Vec<Field>,
    /// Fields of the body that the handler knows.
    pub body: Vec<Field>,
}

impl Route {
    /// How a known parameter is used.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Using> {
        self.parameters.iter().find(|field| field.path == name).map(|field| field.using)
    }

    /// How a known field of the body is used; the capitalisation does not matter.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<Using> {
        self.body.iter().find(|field| field.path.eq_ignore_ascii_case(path)).map(|field| field.using)
    }
}

/// Every route of the table.
#[must_use]
pub fn routes() -> Vec<Route> {
    route::table()
        .routes()
        .iter()
        .map(|route| Route {
            method: route.method.to_string(),
            path: route.pattern.0.to_owned(),
            handled: matches!(route.target, Target::Handler(_)),
            parameters: (route.parameters)(),
            body: (route.body)(),
        })
        .collect()
}
