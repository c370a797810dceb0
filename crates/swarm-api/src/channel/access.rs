//! The layer every request passes before it is handled: is this caller allowed this rpc?

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::connection::{Caller, RemoteAddr};
use super::server::Authorize;
use crate::role;
use crate::tls::Peer;

/// Checks the role table, then asks the server whether it still knows the caller.
#[derive(Clone)]
pub(super) struct Access(pub(super) Authorize);

impl<S> Layer<S> for Access {
    type Service = Checked<S>;
    fn layer(&self, inner: S) -> Checked<S> {
        Checked { inner, authorize: self.0.clone() }
    }
}

/// A service behind the check.
#[derive(Clone)]
pub(super) struct Checked<S> {
    inner: S,
    authorize: Authorize,
}

type Request = tonic::codegen::http::Request<Body>;
type Response = tonic::codegen::http::Response<Body>;

impl<S: Service<Request, Response = Response>> Service<Request> for Checked<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        let Caller { peer, remote } = caller.unwrap_or(Caller { peer: Peer::Anonymous, remote: None });
        if let Err(status) = check(request.uri().path(), &peer).and_then(|()| (self.authorize)(&peer)) {
            return Either::Right(ready(Ok(status.into_http())));
        }
        request.extensions_mut().insert(peer);
        if let Some(remote) = remote {
            request.extensions_mut().insert(RemoteAddr(remote));
        }
        Either::Left(self.inner.call(request))
    }
}

fn check(path: &str, peer: &Peer) -> Result<(), Status> {
    if role::allows(path, peer) {
        return Ok(());
    }
    Err(match (role::access(path), peer) {
        (None, _) => Status::unimplemented(format!("there is no call {path}")),
        (Some(_), Peer::Anonymous) => Status::unauthenticated("this call needs a node's certificate"),
        (Some(_), Peer::Node { role, .. }) => {
            Status::permission_denied(format!("this call is not for a node of role {role}"))
        }
        (Some(_), Peer::Local { .. }) => Status::permission_denied("this call is not for front ends"),
    })
}
