//! From a request to its handler and back: version, route, name, and the headers that every answer has.

use std::sync::Arc;

use ::http::header::{HeaderName, HeaderValue, SERVER};
use ::http::{Request, Response};
use hyper::body::Incoming;

use super::answer::Answer;
use super::body::Body;
use super::hijack::Form;
use super::table::{Arrived, Table, Target, decode};
use super::version::{self, Version};
use crate::Api;
use crate::failure::Failure;

const API_VERSION: HeaderName = HeaderName::from_static("api-version");
const EXPERIMENTAL: HeaderName = HeaderName::from_static("docker-experimental");
const OSTYPE: HeaderName = HeaderName::from_static("ostype");

/// Everything a connection needs to answer requests.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    pub(crate) table: Arc<Table>,
    pub(crate) api: Api,
}

impl Dispatcher {
    /// Whether a request's answer may take the connection out of HTTP.
    pub(crate) fn hijacks<B>(&self, request: &Request<B>) -> bool {
        let min_minor = self.api.facts.borrow().min_minor;
        version::split(request.uri().path(), min_minor)
            .ok()
            .and_then(|(_, path)| self.table.find(request.method(), path))
            .is_some_and(|(route, _)| route.hijacks)
    }

    /// Answers a request. The handler runs as its own task: a client that goes away does not leave its wish half-done, and a
    /// panic ends this request alone.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let outcome = match self.route(request) {
            Ok(running) => match tokio::spawn(running).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    tracing::error!(%error, "handler of a request ended early");
                    Err(Failure::internal("the daemon failed to answer this request; its log says why"))
                }
            },
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(Answer::Hijack(hijack)) => Answer::Hijack(hijack),
            Ok(Answer::Response(response)) => self.headed(response).into(),
            Err(failure) => {
                if failure.status.is_server_error() {
                    tracing::warn!(
                        status = failure.status.as_u16(),
                        error = failure.message,
                        "request failed"
                    );
                }
                self.headed(Answer::failure(&failure)).into()
            }
        }
    }

    fn route(
        &self,
        request: Request<Incoming>,
    ) -> Result<impl Future<Output = super::answer::Outcome> + Send + use<>, Failure> {
        let (head, incoming) = request.into_parts();
        let min_minor = self.api.facts.borrow().min_minor;
        let (version, path) = version::split(head.uri.path(), min_minor)?;
        let (route, names) =
            self.table.find(&head.method, path).ok_or_else(|| Failure::not_found("page not found"))?;
        let Target::Handler(handler) = &route.target else {
            return Err(Failure::missing(format_args!("{} {}", head.method, route.pattern.0)));
        };
        let name = |at: usize| decode(names.get(at).copied().unwrap_or_default(), false);
        tracing::debug!(method = %head.method, path, "request");
        Ok(handler(Arrived {
            api: self.api.clone(),
            version,
            name: name(0)?,
            second_name: name(1)?,
            query: head.uri.query().unwrap_or_default().to_owned(),
            form: Form::asked(&head.headers),
            headers: head.headers,
            incoming,
        }))
    }

    /// Adds the headers that every answer has.
    fn headed(&self, mut response: Response<Body>) -> Response<Body> {
        let facts = self.api.facts.borrow();
        let value = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        let headers = response.headers_mut();
        headers.insert(API_VERSION, value(Version::NEWEST.to_string()));
        headers.insert(
            EXPERIMENTAL,
            HeaderValue::from_static(if facts.experimental { "true" } else { "false" }),
        );
        headers.insert(OSTYPE, HeaderValue::from_static("linux"));
        headers.insert(SERVER, value(format!("Shoal/{} (linux)", facts.version)));
        response
    }
}
