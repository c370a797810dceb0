//! The rpcs of `control.proto`, each answered in the file of its object.

use swarm_api::pb;
use swarm_api::pb::control_server::Control as Rpc;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::log::Broker;
use crate::raft::{Reader, Roster};
use crate::seal::UnlockKey;
use crate::store::{Proposer, Store};

/// Answers front ends.
pub(crate) struct Control {
    pub(crate) reader: Reader,
    pub(crate) store: Store,
    pub(crate) proposer: Proposer,
    /// Under what this manager's keys are sealed.
    pub(crate) lock: watch::Receiver<Option<UnlockKey>>,
    /// The managers, as the leader sees them: this one, whenever it answers.
    pub(crate) roster: Roster,
    /// Who gathers the nodes' logs.
    pub(crate) logs: Broker,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Rpc for Control {
    async fn create_service(&self, request: Request<pb::CreateServiceRequest>) -> Answer<pb::Service> {
        Ok(Response::new(self.create_service(request.into_inner()).await?))
    }

    async fn get_service(&self, request: Request<pb::GetRequest>) -> Answer<pb::Service> {
        Ok(Response::new(self.get_service(&request.into_inner().reference).await?))
    }

    async fn list_services(
        &self,
        request: Request<pb::ListServicesRequest>,
    ) -> Answer<pb::ListServicesResponse> {
        Ok(Response::new(self.list_services(&request.into_inner()).await?))
    }

    async fn update_service(&self, request: Request<pb::UpdateServiceRequest>) -> Answer<pb::Service> {
        Ok(Response::new(self.update_service(request.into_inner()).await?))
    }

    async fn remove_service(&self, request: Request<pb::GetRequest>) -> Answer<pb::Empty> {
        self.remove_service(&request.into_inner().reference).await?;
        Ok(Response::new(pb::Empty {}))
    }

    async fn create_secret(&self, request: Request<pb::CreateFileRequest>) -> Answer<pb::Secret> {
        Ok(Response::new(self.create_file(request.into_inner()).await?))
    }

    async fn get_secret(&self, request: Request<pb::GetRequest>) -> Answer<pb::Secret> {
        Ok(Response::new(self.get_file(&request.into_inner().reference).await?))
    }

    async fn list_secrets(&self, request: Request<pb::ListFilesRequest>) -> Answer<pb::ListSecretsResponse> {
        let secrets = self.list_files(&request.into_inner()).await?;
        Ok(Response::new(pb::ListSecretsResponse { secrets }))
    }

    async fn update_secret(&self, request: Request<pb::UpdateFileRequest>) -> Answer<pb::Secret> {
        Ok(Response::new(self.update_file(request.into_inner()).await?))
    }

    async fn remove_secret(&self, request: Request<pb::GetRequest>) -> Answer<pb::Empty> {
        self.remove_file::<pb::Secret>(&request.into_inner().reference).await?;
        Ok(Response::new(pb::Empty {}))
    }

    async fn create_config(&self, request: Request<pb::CreateFileRequest>) -> Answer<pb::Config> {
        Ok(Response::new(self.create_file(request.into_inner()).await?))
    }

    async fn get_config(&self, request: Request<pb::GetRequest>) -> Answer<pb::Config> {
        Ok(Response::new(self.get_file(&request.into_inner().reference).await?))
    }

    async fn list_configs(&self, request: Request<pb::ListFilesRequest>) -> Answer<pb::ListConfigsResponse> {
        let configs = self.list_files(&request.into_inner()).await?;
        Ok(Response::new(pb::ListConfigsResponse { configs }))
    }

    async fn update_config(&self, request: Request<pb::UpdateFileRequest>) -> Answer<pb::Config> {
        Ok(Response::new(self.update_file(request.into_inner()).await?))
    }

    async fn remove_config(&self, request: Request<pb::GetRequest>) -> Answer<pb::Empty> {
        self.remove_file::<pb::Config>(&request.into_inner().reference).await?;
        Ok(Response::new(pb::Empty {}))
    }

    async fn open_logs(&self, request: Request<pb::OpenLogsRequest>) -> Answer<pb::OpenLogsResponse> {
        Ok(Response::new(self.open_logs(request.into_inner()).await?))
    }

    async fn next_logs(&self, request: Request<pb::LogsRequest>) -> Answer<pb::NextLogsResponse> {
        Ok(Response::new(self.next_logs(&request.into_inner().id).await?))
    }

    async fn close_logs(&self, request: Request<pb::LogsRequest>) -> Answer<pb::Empty> {
        self.logs.close(&request.into_inner().id);
        Ok(Response::new(pb::Empty {}))
    }

    async fn get_task(&self, request: Request<pb::GetRequest>) -> Answer<pb::Task> {
        Ok(Response::new(self.get_task(&request.into_inner().reference).await?))
    }

    async fn list_tasks(&self, request: Request<pb::ListTasksRequest>) -> Answer<pb::ListTasksResponse> {
        Ok(Response::new(self.list_tasks(&request.into_inner()).await?))
    }

    async fn get_node(&self, request: Request<pb::GetRequest>) -> Answer<pb::Node> {
        Ok(Response::new(self.get_node(&request.into_inner().reference).await?))
    }

    async fn list_nodes(&self, request: Request<pb::ListNodesRequest>) -> Answer<pb::ListNodesResponse> {
        Ok(Response::new(self.list_nodes(&request.into_inner()).await?))
    }

    async fn update_node(&self, request: Request<pb::UpdateNodeRequest>) -> Answer<pb::Node> {
        Ok(Response::new(self.update_node(request.into_inner()).await?))
    }

    async fn remove_node(&self, request: Request<pb::RemoveNodeRequest>) -> Answer<pb::Empty> {
        self.remove_node(&request.into_inner()).await?;
        Ok(Response::new(pb::Empty {}))
    }

    async fn get_cluster(&self, _request: Request<pb::Empty>) -> Answer<pb::Cluster> {
        Ok(Response::new(self.get_cluster().await?))
    }

    async fn get_unlock_key(&self, _request: Request<pb::Empty>) -> Answer<pb::GetUnlockKeyResponse> {
        Ok(Response::new(self.get_unlock_key().await?))
    }

    async fn create_network(&self, request: Request<pb::CreateNetworkRequest>) -> Answer<pb::Network> {
        Ok(Response::new(self.create_network(request.into_inner()).await?))
    }

    async fn get_network(&self, request: Request<pb::GetRequest>) -> Answer<pb::Network> {
        Ok(Response::new(self.get_network(&request.into_inner().reference).await?))
    }

    async fn list_networks(&self, _request: Request<pb::Empty>) -> Answer<pb::ListNetworksResponse> {
        Ok(Response::new(self.list_networks().await?))
    }

    async fn remove_network(&self, request: Request<pb::GetRequest>) -> Answer<pb::Empty> {
        self.remove_network(&request.into_inner().reference).await?;
        Ok(Response::new(pb::Empty {}))
    }

    async fn update_cluster(&self, request: Request<pb::UpdateClusterRequest>) -> Answer<pb::Cluster> {
        Ok(Response::new(self.update_cluster(request.into_inner()).await?))
    }
}
