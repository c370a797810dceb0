//! The table of routes: each ties a method and a path to a handler and, through the handler's types, to the fields it reads.

use std::future::Future;
use std::pin::Pin;

use ::http::{HeaderMap, Method};
use engine_api::decode::from_parameters;
use engine_api::shape::{self, Field};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::answer::Outcome;
use super::body::Taken;
use super::call::Call;
use super::hijack::Form;
use super::pattern::{Names, Pattern};
use super::version::Version;
use crate::Api;
use crate::failure::Failure;

/// Headers that carry parameters; handlers find them among these.
const PARAMETER_HEADERS: [&str; 3] = ["X-Registry-Auth", "X-Registry-Config", "Sec-WebSocket-Key"];

/// One request on its way to its handler.
pub(crate) struct Arrived {
    pub(crate) api: Api,
    pub(crate) version: Version,
    pub(crate) name: String,
    pub(crate) second_name: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) incoming: Incoming,
    pub(crate) form: Form,
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What stands behind a route.
pub(crate) enum Target {
    /// A handler.
    Handler(Box<dyn Fn(Arrived) -> Running + Send + Sync>),
    /// Nothing yet: 501.
    Missing,
}

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) pattern: Pattern,
    pub(crate) target: Target,
    /// Whether its answer may take the connection out of HTTP.
    pub(crate) hijacks: bool,
    /// The parameters and the body's fields that its handler's types know.
    pub(crate) parameters: fn() -> Vec<Field>,
    pub(crate) body: fn() -> Vec<Field>,
}

/// All routes.
#[derive(Default)]
pub(crate) struct Table {
    routes: Vec<Route>,
}

impl Table {
    /// Adds a route with its handler.
    pub(crate) fn on<Q, B, F, Fut>(&mut self, method: Method, path: &'static str, handler: F) -> &mut Route
    where
        Q: DeserializeOwned + Send + 'static,
        B: Taken,
        F: Fn(Call<Q, B>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let target = Target::Handler(Box::new(move |arrived| Box::pin(handle(handler, arrived))));
        self.push(Route {
            method,
            pattern: Pattern(path),
            target,
            hijacks: false,
            parameters: shape::fields::<Q>,
            body: B::fields,
        })
    }

    /// Adds a route that nothing stands behind yet.
    pub(crate) fn missing(&mut self, method: Method, path: &'static str) {
        let pattern = Pattern(path);
        self.push(Route {
            method,
            pattern,
            target: Target::Missing,
            hijacks: false,
            parameters: Vec::new,
            body: Vec::new,
        });
    }

    fn push(&mut self, route: Route) -> &mut Route {
        let at = self.routes.partition_point(|other| other.pattern.weight() >= route.pattern.weight());
        self.routes.insert(at, route);
        &mut self.routes[at]
    }

    /// The route of a request, and the names in its path. Weightier patterns stand first.
    pub(crate) fn find<'p>(&self, method: &Method, path: &'p str) -> Option<(&Route, Names<'p>)> {
        self.routes
            .iter()
            .filter(|route| route.method == *method)
            .find_map(|route| route.pattern.matches(path).map(|names| (route, names)))
    }

    /// All routes, for the coverage test.
    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }
}

async fn handle<Q, B, F, Fut>(handler: F, arrived: Arrived) -> Outcome
where
    Q: DeserializeOwned + Send + 'static,
    B: Taken,
    F: Fn(Call<Q, B>) -> Fut,
    Fut: Future<Output = Outcome>,
{
    let Arrived { api, version, name, second_name, query, headers, incoming, form } = arrived;
    let query = parameters(&query, &headers)?;
    let body = B::take(&headers, incoming).await?;
    handler(Call { api, version, name, second_name, query, body, form }).await
}

fn parameters<Q: DeserializeOwned>(query: &str, headers: &HeaderMap) -> Result<Q, Failure> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode(name, true)?, decode(value, true)?));
    }
    for name in PARAMETER_HEADERS {
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
            pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(from_parameters(pairs)?)
}

/// Undoes percent encoding, and in queries the plus sign for a blank.
pub(crate) fn decode(text: &str, query: bool) -> Result<String, Failure> {
    let wrong = || Failure::invalid(format!("invalid URL escape in {text:?}"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) =
                    (digit(rest.next()).ok_or_else(wrong)?, digit(rest.next()).ok_or_else(wrong)?);
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
            }
            b'+' if query => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
