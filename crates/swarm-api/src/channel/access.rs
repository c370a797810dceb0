//! The layer every request passes before it is handled: is this caller allowed this rpc?

use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either};
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

impl<S> Service<Request> for Checked<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        let nobody = Caller { peer: Peer::Anonymous, remote: None, room: None };
        let Caller { peer, remote, room } = caller.unwrap_or(nobody);
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
            Err(status) => return refused(status),
        }
        if let Some(remote) = remote {
            request.extensions_mut().insert(remote);
        }
        let Some(room) = room else { return Either::Left(self.inner.call(request)) };
        let Ok(place) = room.try_acquire_owned() else {
            return refused(Status::resource_exhausted("too many calls at once without a certificate"));
        };
        let called = self.inner.call(request);
        Either::Right(Box::pin(async move {
            let _place = place;
            called.await
        }))
    }
}

fn refused<F, E: 'static>(status: Status) -> Either<F, BoxFuture<'static, Result<Response, E>>> {
    Either::Right(Box::pin(async move { Ok(status.into_http()) }))
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use futures_util::FutureExt;
    use tokio::sync::Semaphore;
    use tonic::Code;
    use tower::service_fn;

    use super::super::connection::CALLS_OF_A_STRANGER;
    use super::*;
    use crate::tls::SharedIdentity;
    use crate::tls::tests::identity;

    #[test]
    fn a_stranger_has_a_few_calls_at_a_time() {
        let door = Door::new(SharedIdentity::new(identity()), Arc::new(|peer: &Peer| Ok(peer.clone())));
        let endless = service_fn(|_: Request| std::future::pending::<Result<Response, Infallible>>());
        let mut checked = Access(door).layer(endless);
        let room = Some(Arc::new(Semaphore::new(CALLS_OF_A_STRANGER)));
        let caller = Caller { peer: Peer::Anonymous, remote: None, room };
        let mut call = || {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = "/shoal.v1.Ca/GetRootCa".parse().unwrap();
            request.extensions_mut().insert(caller.clone());
            checked.call(request)
        };
        let mut held: Vec<_> = (0..CALLS_OF_A_STRANGER).map(|_| call()).collect();
        let Some(Ok(answer)) = call().now_or_never() else { panic!("one too many is answered at once") };
        assert_eq!(Status::from_header_map(answer.headers()).unwrap().code(), Code::ResourceExhausted);
        held.pop();
        assert!(call().now_or_never().is_none(), "there is room again");
    }
}
