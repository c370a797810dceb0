//! Any manager serves: what only the leader can answer is passed on to it, once, as this node and on behalf of the caller.
//!
//! While nobody leads, a request waits for a moment: an election takes about a second. What the leader has certainly not
//! done, because it was none (any more), is asked again; an answer that is lost is lost, unless the request only reads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use swarm_api::channel::{
    self, Answering, Dial, Forward, Here, LEADER, MAX_MESSAGE_BYTES, NOBODY, ON_BEHALF, ORIGIN, RemoteAddr,
    RpcRequest, RpcResponse,
};
use swarm_api::id::NodeId;
use swarm_api::role::Place;
use swarm_api::tls::{Peer, SharedIdentity};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderValue, request::Parts};
use tonic::transport::Channel;

use crate::ca;
use crate::raft::Leadership;
use crate::store::Store;

/// Docker's words.
const NO_LEADER: &str = "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";

/// How long a request waits for a leader, from when there was none.
const LEADER_WAIT: Duration = Duration::from_secs(3);
/// Pause before a leader that does not answer, or does not know yet that it is one, is asked again.
const RETRY: Duration = Duration::from_millis(30);
/// How long an answer is waited for after another leads than the one that was asked.
const LATE_ANSWER: Duration = Duration::from_millis(500);
/// What a request has besides its message: the frame.
const FRAME_BYTES: usize = 1024;

/// The answer of a manager that does not lead and has done nothing.
pub(crate) fn not_leader(text: impl Into<String>) -> Status {
    hint(text, "")
}

fn hint(text: impl Into<String>, addr: &str) -> Status {
    let mut status = Status::unavailable(text);
    if let Ok(addr) = addr.parse() {
        status.metadata_mut().insert(LEADER, addr);
    }
    status
}

fn no_leader() -> Status {
    Status::unavailable(NO_LEADER)
}

/// Passes requests on. Clones share the connection to the leader.
#[derive(Clone)]
pub(crate) struct ToLeader {
    pub(crate) raft_id: u64,
    pub(crate) leadership: watch::Receiver<Leadership>,
    pub(crate) store: Store,
    pub(crate) identity: SharedIdentity,
    pub(crate) dialer: Arc<dyn Dial>,
    /// Since when nobody leads.
    pub(crate) leaderless: Arc<Mutex<Option<Instant>>>,
    pub(crate) connected: Arc<Mutex<Option<Connected>>>,
}

/// The connection to a leader.
pub(crate) struct Connected {
    leader: Leader,
    channel: Channel,
}

/// Where the leader is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leader {
    raft_id: u64,
    node_id: String,
    addr: String,
}

/// What came of asking once.
enum Asked {
    Answered(RpcResponse),
    /// It was certainly not done.
    Again,
    /// It may have been done.
    Unknown,
}

impl Forward for ToLeader {
    fn forward(&self, place: Place, request: RpcRequest, mut here: Here) -> Answering {
        let this = self.clone();
        match place {
            Place::Anywhere => here(request),
            Place::Hinted => {
                let leads = this.leads_now();
                match leads {
                    Some(leader) if leader == this.raft_id => here(request),
                    leader => {
                        let addr =
                            leader.and_then(|id| this.find(id)).map_or(String::new(), |found| found.addr);
                        let status = hint("this manager is not the leader of the swarm", &addr);
                        Box::pin(std::future::ready(status.into_http()))
                    }
                }
            }
            Place::Forwarded => Box::pin(async move {
                match this.pass_on(request, here).await {
                    Ok(response) => response,
                    Err(status) => status.into_http(),
                }
            }),
        }
    }
}

impl ToLeader {
    async fn pass_on(&self, request: RpcRequest, mut here: Here) -> Result<RpcResponse, Status> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, max_bytes(parts.uri.path())).collect().await;
        let body = body.map_err(|error| Status::resource_exhausted(error.to_string()))?.to_bytes();
        let copy =
            || RpcRequest::from_parts(parts.clone(), Body::new(http_body_util::Full::new(body.clone())));
        let reads = only_reads(parts.uri.path());
        let begun = Instant::now();
        loop {
            let asked = match self.leads_now() {
                None => Asked::Again,
                Some(leader) if leader == self.raft_id => {
                    let answer = here(copy());
                    self.ask(leader, async { Ok(answer.await) }).await
                }
                Some(leader) => match self.find(leader) {
                    None => Asked::Again,
                    Some(found) => self.ask(leader, self.send(found, behalf(copy(), &parts))).await,
                },
            };
            match asked {
                Asked::Answered(response) => return Ok(response),
                Asked::Unknown if !reads => {
                    let text = "the leader was lost before it was known whether the change is made";
                    return Err(Status::unavailable(text));
                }
                Asked::Again | Asked::Unknown => {}
            }
            if begun.elapsed().max(self.leaderless()) > LEADER_WAIT {
                return Err(no_leader());
            }
            self.wait().await;
        }
    }

    /// Waits for an answer as long as that leader leads, and a little longer.
    async fn ask(&self, leader: u64, answer: impl Future<Output = Result<RpcResponse, Sent>>) -> Asked {
        let mut leadership = self.leadership.clone();
        let replaced = async {
            // An end of raft is one of leadership.
            let _ = leadership.wait_for(|now| now.leader != Some(leader)).await;
            tokio::time::sleep(LATE_ANSWER).await;
        };
        tokio::select! {
            answer = answer => match answer {
                Ok(response) if response.headers().contains_key(LEADER) => Asked::Again,
                Ok(response) => Asked::Answered(response),
                Err(Sent::Never) => Asked::Again,
                Err(Sent::Perhaps) => Asked::Unknown,
            },
            () = replaced => Asked::Unknown,
        }
    }

    async fn send(&self, leader: Leader, request: RpcRequest) -> Result<RpcResponse, Sent> {
        let mut channel = self.channel(&leader).ok_or(Sent::Never)?;
        let ready = std::future::poll_fn(|cx| channel.poll_ready(cx)).await;
        let sent = match ready {
            Ok(()) => channel.call(request).await,
            Err(error) => Err(error),
        };
        sent.map_err(|error| {
            self.disconnect();
            tracing::debug!(%error, addr = %leader.addr, "the leader does not answer");
            if is_before_sending(&error) { Sent::Never } else { Sent::Perhaps }
        })
    }

    fn channel(&self, leader: &Leader) -> Option<Channel> {
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Connected { leader: known, channel }) = &*connected
            && known == leader
        {
            return Some(channel.clone());
        }
        let node_id = NodeId::from(leader.node_id.as_str());
        let made = channel::connect_node(&leader.addr, &node_id, &self.identity, self.dialer.clone());
        match made {
            Ok(channel) => {
                *connected = Some(Connected { leader: leader.clone(), channel: channel.clone() });
                Some(channel)
            }
            Err(error) => {
                tracing::error!(%error, "cannot call the leader");
                None
            }
        }
    }

    fn disconnect(&self) {
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn leads_now(&self) -> Option<u64> {
        let leader = self.leadership.borrow().leader;
        let mut since = self.leaderless.lock().unwrap_or_else(PoisonError::into_inner);
        match leader {
            Some(_) => *since = None,
            None => drop(since.get_or_insert_with(Instant::now)),
        }
        leader
    }

    fn leaderless(&self) -> Duration {
        let since = self.leaderless.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The record of the member's node.
    fn find(&self, raft_id: u64) -> Option<Leader> {
        let view = self.store.view();
        view.nodes().find_map(|node| {
            let status = node.manager_status.as_ref().filter(|status| status.raft_id == raft_id)?;
            Some(Leader { raft_id, node_id: node.id.clone(), addr: status.addr.clone() })
        })
    }

    /// Waits until somebody else leads, or for a moment.
    async fn wait(&self) {
        let mut leadership = self.leadership.clone();
        leadership.mark_unchanged();
        // An end of raft shows in the next attempt.
        let _ = tokio::time::timeout(RETRY, leadership.changed()).await;
    }
}

/// Whether a request that got no answer was sent at all.
enum Sent {
    Never,
    Perhaps,
}

/// Whether the connection was not even there.
fn is_before_sending(error: &tonic::transport::Error) -> bool {
    use std::error::Error;
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            // Others may also end a connection over which the request has gone.
            return matches!(
                io.kind(),
                std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::PermissionDenied
            );
        }
        cause = error.source();
    }
    false
}

/// The request as it is passed on: it says whom it is from, and from where.
fn behalf(mut request: RpcRequest, parts: &Parts) -> RpcRequest {
    let caller = parts.extensions.get::<Peer>().and_then(Peer::node_id);
    let caller = caller.and_then(|node_id| HeaderValue::from_str(node_id).ok());
    request.extensions_mut().clear();
    request.headers_mut().insert(ON_BEHALF, caller.unwrap_or(HeaderValue::from_static(NOBODY)));
    let origin = parts.extensions.get::<RemoteAddr>();
    match origin.and_then(|origin| HeaderValue::from_str(&origin.0.to_string()).ok()) {
        Some(origin) => drop(request.headers_mut().insert(ORIGIN, origin)),
        None => drop(request.headers_mut().remove(ORIGIN)),
    }
    request
}

/// How long a request may be. Those that strangers may make are kept short: nothing is known yet of who sends them, or how many.
fn max_bytes(path: &str) -> usize {
    let message = if path.starts_with("/shoal.v1.Ca/") { ca::MAX_CALL_BYTES } else { MAX_MESSAGE_BYTES };
    message + FRAME_BYTES
}

/// Whether it may be asked twice.
fn only_reads(path: &str) -> bool {
    let method = path.rsplit('/').next().unwrap_or_default();
    method.starts_with("Get") || method.starts_with("List")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_known_by_their_names() {
        assert!(only_reads("/shoal.v1.Control/GetNode") && only_reads("/shoal.v1.Control/ListNodes"));
        assert!(
            !only_reads("/shoal.v1.Control/UpdateNode") && !only_reads("/shoal.v1.Ca/RenewNodeCertificate")
        );
    }

    #[test]
    fn who_does_not_lead_says_so_apart_from_other_failures() {
        let response = not_leader("no").into_http::<Body>();
        assert!(response.headers().contains_key(LEADER));
        let response = Status::unavailable("no").into_http::<Body>();
        assert!(!response.headers().contains_key(LEADER));
    }
}
