//! Managers with a memory of services alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ::http::Uri;
use hyper_util::rt::TokioIo;
use swarm_api::pb;
use swarm_api::pb::control_server::{Control, ControlServer};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tower::service_fn;

/// Bytes that may wait between the two.
const PIPE: usize = 64 * 1024;

type Answer<T> = Result<Response<T>, Status>;

#[derive(Debug, Default, Clone)]
struct Managers(Arc<Mutex<BTreeMap<String, pb::Service>>>);

/// A channel to managers that know no service yet.
pub(super) fn channel() -> Channel {
    let managers = Managers::default();
    let connector = service_fn(move |_: Uri| {
        let (client, server) = tokio::io::duplex(PIPE);
        let serving = Server::builder().add_service(ControlServer::new(managers.clone()));
        tokio::spawn(
            serving.serve_with_incoming(futures_util::stream::iter([Ok::<_, std::io::Error>(server)])),
        );
        std::future::ready(Ok::<_, std::io::Error>(TokioIo::new(client)))
    });
    Endpoint::from_static("http://managers").connect_with_connector_lazy(connector)
}

impl Managers {
    fn services(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, pb::Service>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, reference: &str) -> Result<pb::Service, Status> {
        let services = self.services();
        let found = services.values().find(|service| service.id == reference || name(service) == reference);
        found.cloned().ok_or_else(|| Status::not_found(format!("service {reference} not found")))
    }
}

fn name(service: &pb::Service) -> &str {
    let annotations = service.spec.as_ref().and_then(|spec| spec.annotations.as_ref());
    annotations.map_or("", |annotations| annotations.name.as_str())
}

/// What the test does not play is told as what the managers do not have.
fn missing<T>() -> Answer<T> {
    Err(Status::unimplemented("not played"))
}

#[tonic::async_trait]
impl Control for Managers {
    async fn create_service(&self, request: Request<pb::CreateServiceRequest>) -> Answer<pb::Service> {
        let spec = request.into_inner().spec;
        let meta = pb::Meta { version: 7, created_at_ns: 1, updated_at_ns: 1, ..pb::Meta::default() };
        let service =
            pb::Service { id: "theservice".to_owned(), meta: Some(meta), spec, ..pb::Service::default() };
        if self.find(name(&service)).is_ok() {
            return Err(Status::already_exists("name conflicts with an existing object"));
        }
        self.services().insert(service.id.clone(), service.clone());
        Ok(Response::new(service))
    }

    async fn get_service(&self, request: Request<pb::GetRequest>) -> Answer<pb::Service> {
        self.find(&request.into_inner().reference).map(Response::new)
    }

    async fn list_services(
        &self,
        request: Request<pb::ListServicesRequest>,
    ) -> Answer<pb::ListServicesResponse> {
        let services: Vec<_> = self.services().values().cloned().collect();
        let desired = |service: &pb::Service| service.spec.as_ref().map_or(0, swarm_api::default::replicas);
        let count =
            |service: &pb::Service| pb::ServiceCounts { running: 0, desired: desired(service), completed: 0 };
        let counted = services.iter().filter(|_| request.get_ref().status);
        let counts = counted.map(|service| (service.id.clone(), count(service))).collect();
        Ok(Response::new(pb::ListServicesResponse { services, counts }))
    }

    async fn update_service(&self, request: Request<pb::UpdateServiceRequest>) -> Answer<pb::Service> {
        let request = request.into_inner();
        let mut service = self.find(&request.reference)?;
        let meta = service.meta.get_or_insert_default();
        if meta.version != request.version {
            return Err(Status::aborted("update out of sequence"));
        }
        meta.version += 1;
        service.previous_spec = service.spec.take();
        service.spec = request.spec;
        self.services().insert(service.id.clone(), service.clone());
        Ok(Response::new(service))
    }

    async fn remove_service(&self, request: Request<pb::GetRequest>) -> Answer<pb::Empty> {
        let service = self.find(&request.into_inner().reference)?;
        self.services().remove(&service.id);
        Ok(Response::new(pb::Empty {}))
    }

    async fn create_secret(&self, _: Request<pb::CreateFileRequest>) -> Answer<pb::Secret> {
        missing()
    }
    async fn get_secret(&self, _: Request<pb::GetRequest>) -> Answer<pb::Secret> {
        missing()
    }
    async fn list_secrets(&self, _: Request<pb::ListFilesRequest>) -> Answer<pb::ListSecretsResponse> {
        missing()
    }
    async fn update_secret(&self, _: Request<pb::UpdateFileRequest>) -> Answer<pb::Secret> {
        missing()
    }
    async fn remove_secret(&self, _: Request<pb::GetRequest>) -> Answer<pb::Empty> {
        missing()
    }
    async fn create_config(&self, _: Request<pb::CreateFileRequest>) -> Answer<pb::Config> {
        missing()
    }
    async fn get_config(&self, _: Request<pb::GetRequest>) -> Answer<pb::Config> {
        missing()
    }
    async fn list_configs(&self, _: Request<pb::ListFilesRequest>) -> Answer<pb::ListConfigsResponse> {
        missing()
    }
    async fn update_config(&self, _: Request<pb::UpdateFileRequest>) -> Answer<pb::Config> {
        missing()
    }
    async fn remove_config(&self, _: Request<pb::GetRequest>) -> Answer<pb::Empty> {
        missing()
    }
    async fn open_logs(&self, _: Request<pb::OpenLogsRequest>) -> Answer<pb::OpenLogsResponse> {
        missing()
    }
    async fn next_logs(&self, _: Request<pb::LogsRequest>) -> Answer<pb::NextLogsResponse> {
        missing()
    }
    async fn close_logs(&self, _: Request<pb::LogsRequest>) -> Answer<pb::Empty> {
        missing()
    }
    async fn get_task(&self, _: Request<pb::GetRequest>) -> Answer<pb::Task> {
        missing()
    }
    async fn list_tasks(&self, _: Request<pb::ListTasksRequest>) -> Answer<pb::ListTasksResponse> {
        missing()
    }
    async fn get_node(&self, _: Request<pb::GetRequest>) -> Answer<pb::Node> {
        missing()
    }
    async fn list_nodes(&self, _: Request<pb::ListNodesRequest>) -> Answer<pb::ListNodesResponse> {
        missing()
    }
    async fn create_network(&self, _: Request<pb::CreateNetworkRequest>) -> Answer<pb::Network> {
        missing()
    }
    async fn get_network(&self, _: Request<pb::GetRequest>) -> Answer<pb::Network> {
        missing()
    }
    async fn list_networks(&self, _: Request<pb::Empty>) -> Answer<pb::ListNetworksResponse> {
        missing()
    }
    async fn remove_network(&self, _: Request<pb::GetRequest>) -> Answer<pb::Empty> {
        missing()
    }
    async fn update_node(&self, _: Request<pb::UpdateNodeRequest>) -> Answer<pb::Node> {
        missing()
    }
    async fn remove_node(&self, _: Request<pb::RemoveNodeRequest>) -> Answer<pb::Empty> {
        missing()
    }
    async fn get_cluster(&self, _: Request<pb::Empty>) -> Answer<pb::Cluster> {
        missing()
    }
    async fn get_unlock_key(&self, _: Request<pb::Empty>) -> Answer<pb::GetUnlockKeyResponse> {
        Ok(Response::new(pb::GetUnlockKeyResponse { unlock_key: "SWMKEY-1-x".to_owned() }))
    }
    async fn update_cluster(&self, _: Request<pb::UpdateClusterRequest>) -> Answer<pb::Cluster> {
        missing()
    }
}
