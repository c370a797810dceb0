//! The layer every request passes before it is handled: is this caller allowed this rpc?

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::connection::{Caller, RemoteAddr};
use super::door::Door;
use super::forward::{self, OnBehalf};
use crate::role::{self, Role};
use crate::tls::Peer;

/// Asks as whom the caller counts, then checks the role table.
#[derive(Clone)]
pub(super) struct Access(pub(super) Door);

impl<S> Layer<S> for Access {
    type Service = Checked<S>;
    fn layer(&self, inner: S) -> Checked<S> {
        Checked { inner, door: self.0.clone() }
    }
}

/// A service behind the check.
#[derive(Clone)]
pub(super) struct Checked<S> {
    inner: S,
    door: Door,
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
        let path = request.uri().path();
        let standing = self.door.standing(&peer).and_then(|peer| check(path, &peer).map(|()| peer));
        let mut remote = remote.map(RemoteAddr);
        match standing {
            Ok(peer) => {
                let passed_on = forward::on_behalf(&request, &peer);
                if passed_on.is_some() {
                    // What is said of the caller's address is the caller's: nothing is, of one within that manager's process.
                    remote = forward::origin(&request);
                    request.extensions_mut().insert(OnBehalf);
                }
                request.extensions_mut().insert(passed_on.unwrap_or(peer));
            }
            Err(status) => return Either::Right(ready(Ok(status.into_http()))),
        }
        if let Some(remote) = remote {
            request.extensions_mut().insert(remote);
        }
        Either::Left(self.inner.call(request))
    }
}

fn check(path: &str, peer: &Peer) -> Result<(), Status> {
    if role::allows(path, peer) {
        return Ok(());
    }
    let not_for =
        |role: Role| Status::permission_denied(format!("this call is not for a node of role {role}"));
    Err(match (role::access(path), peer) {
        (None, _) => Status::unimplemented(format!("there is no call {path}")),
        (Some(_), Peer::Anonymous) => Status::unauthenticated("this call needs a node's certificate"),
        (Some(_), Peer::Node { role, .. }) => not_for(*role),
        (Some(_), Peer::Unknown { is_worker: true, .. }) => not_for(Role::Worker),
        (Some(_), Peer::Unknown { is_worker: false, .. }) => {
            Status::permission_denied("this call is not for a manager that is not known here")
        }
        (Some(_), Peer::Local { .. }) => Status::permission_denied("this call is not for front ends"),
    })
}
