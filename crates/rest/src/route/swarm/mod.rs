//! The swarm: the cluster, its nodes, services, tasks, secrets and configs. Everything but joining and leaving is asked of the managers.

mod backup;
mod cluster;
mod file;
mod heard;
mod info;
mod lock;
mod log;
mod node;
mod service;
mod task;

use std::time::Duration;

use ::http::Method;
use swarm_api::pb::control_client::ControlClient;
use tonic::transport::Channel;

use self::file::{config, secret};
pub(super) use self::info::info;
use crate::Api;
use crate::failure::Failure;
use crate::http::table::Table;

/// How long the managers may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is taken, in bytes: some hundred thousand tasks.
const ANSWER_LIMIT: usize = 256 * 1024 * 1024;

pub(super) fn routes(table: &mut Table) {
    table.on(Method::POST, "/swarm/init", cluster::init);
    table.on(Method::POST, "/swarm/join", cluster::join);
    table.on(Method::POST, "/swarm/leave", cluster::leave);
    table.on(Method::GET, "/swarm", cluster::inspect);
    table.on(Method::POST, "/swarm/update", cluster::update);
    table.on(Method::GET, "/swarm/unlockkey", lock::key);
    table.on(Method::POST, "/swarm/unlock", lock::unlock);
    table.on(Method::POST, "/swarm/backup", backup::backup);
    table.on(Method::POST, "/swarm/restore", backup::restore);
    table.on(Method::GET, "/nodes", node::list);
    table.on(Method::GET, "/nodes/{id}", node::inspect);
    table.on(Method::POST, "/nodes/{id}/update", node::update);
    table.on(Method::DELETE, "/nodes/{id}", node::remove);
    table.on(Method::GET, "/services", service::list);
    table.on(Method::POST, "/services/create", service::create);
    table.on(Method::GET, "/services/{id}", service::inspect);
    table.on(Method::POST, "/services/{id}/update", service::update);
    table.on(Method::DELETE, "/services/{id}", service::remove);
    table.on(Method::GET, "/secrets", secret::list);
    table.on(Method::POST, "/secrets/create", secret::create);
    table.on(Method::GET, "/secrets/{id}", secret::inspect);
    table.on(Method::POST, "/secrets/{id}/update", secret::update);
    table.on(Method::DELETE, "/secrets/{id}", secret::remove);
    table.on(Method::GET, "/configs", config::list);
    table.on(Method::POST, "/configs/create", config::create);
    table.on(Method::GET, "/configs/{id}", config::inspect);
    table.on(Method::POST, "/configs/{id}/update", config::update);
    table.on(Method::DELETE, "/configs/{id}", config::remove);
    table.on(Method::GET, "/services/{id}/logs", log::of_service);
    table.on(Method::GET, "/tasks/{id}/logs", log::of_task);
    table.on(Method::GET, "/tasks", task::list);
    table.on(Method::GET, "/tasks/{id}", task::inspect);
}

/// The managers' control service, where this node is a manager.
pub(super) async fn control(api: &Api) -> Result<ControlClient<Channel>, Failure> {
    Ok(api.node.control().await?.max_decoding_message_size(ANSWER_LIMIT))
}

/// The version that an update names: there is none by which nothing is meant.
fn stated(kind: &str, version: u64) -> Result<u64, Failure> {
    if version == 0 {
        return Err(Failure::invalid(format!("invalid {kind} version: it is missing")));
    }
    Ok(version)
}

/// A request with its time limit.
pub(super) fn timed<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(TIMEOUT);
    request
}
