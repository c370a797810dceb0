//! The layer after the check of the caller: is this request answered here, or by the leader?
//!
//! The decision is the managers'; here is only the place where it is made. What a manager passes on carries the id and the
//! address of the node it was asked by, which count only on a manager's connection and for calls that are passed on at all.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::http;
use tower::{Layer, Service};

use super::connection::RemoteAddr;
use crate::id::NodeId;
use crate::role::{self, Place, Role};
use crate::tls::Peer;

/// The header that a manager puts on what it passes on: the node it was asked by, or [`NOBODY`].
pub const ON_BEHALF: &str = "shoal-on-behalf";
/// The header that goes with it: the address and port that node, or nobody, called from.
pub const ORIGIN: &str = "shoal-origin";
/// The header's value for a caller without a certificate.
pub const NOBODY: &str = "nobody";
/// The metadata by which a manager says that it does not lead and has done nothing; the value is the leader's address, or
/// empty when it knows none.
pub const LEADER: &str = "shoal-leader";

/// A request of any rpc.
pub type RpcRequest = http::Request<Body>;
/// Its answer.
pub type RpcResponse = http::Response<Body>;
/// An answer that is being made.
pub type Answering = Pin<Box<dyn Future<Output = RpcResponse> + Send>>;
/// Answers a request here.
pub type Here = Box<dyn FnMut(RpcRequest) -> Answering + Send>;

/// Decides where requests that are the leader's are answered.
pub trait Forward: Send + Sync + 'static {
    /// Answers the request with `here`, through another manager, or not at all. `place` is not [`Place::Anywhere`].
    fn forward(&self, place: Place, request: RpcRequest, here: Here) -> Answering;
}

/// Everything is answered here: there is one manager.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Forward for Alone {
    fn forward(&self, _place: Place, request: RpcRequest, mut here: Here) -> Answering {
        here(request)
    }
}

/// On whose behalf a request comes, if that may be said: by a manager, of a call that is passed on.
pub(super) fn on_behalf(request: &RpcRequest, peer: &Peer) -> Option<Peer> {
    let Peer::Node { role: Role::Manager, .. } = peer else { return None };
    if role::place(request.uri().path()) != Place::Forwarded {
        return None;
    }
    let caller = request.headers().get(ON_BEHALF)?.to_str().ok()?;
    Some(match caller {
        NOBODY => Peer::Anonymous,
        // What its role allows was checked where it called.
        node_id => Peer::Node { node_id: NodeId::from(node_id), role: Role::Worker },
    })
}

/// From where a request came to the manager that passed it on, as that says.
pub(super) fn origin(request: &RpcRequest) -> Option<RemoteAddr> {
    request.headers().get(ORIGIN)?.to_str().ok()?.parse().ok().map(RemoteAddr)
}

/// Asks a [`Forward`] about each request that is the leader's.
#[derive(Clone)]
pub(super) struct Forwarding(pub(super) Arc<dyn Forward>);

impl<S> Layer<S> for Forwarding {
    type Service = Forwarded<S>;
    fn layer(&self, inner: S) -> Forwarded<S> {
        Forwarded { inner, forward: self.0.clone() }
    }
}

/// A service behind that question.
#[derive(Clone)]
pub(super) struct Forwarded<S> {
    inner: S,
    forward: Arc<dyn Forward>,
}

impl<S> Service<RpcRequest> for Forwarded<S>
where
    S: Service<RpcRequest, Response = RpcResponse, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = RpcResponse;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<RpcResponse, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: RpcRequest) -> Self::Future {
        let place = role::place(request.uri().path());
        if place == Place::Anywhere || request.extensions().get::<OnBehalf>().is_some() {
            return Box::pin(self.inner.call(request));
        }
        let mut inner = self.inner.clone();
        let here: Here = Box::new(move |request| {
            let answer = inner.call(request);
            Box::pin(async move {
                match answer.await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            })
        });
        let answering = self.forward.forward(place, request, here);
        Box::pin(async move { Ok(answering.await) })
    }
}

/// Marks a request that was passed on once: it is not passed on again.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnBehalf;
