//! Services: create, list, inspect, update, remove.

use ::http::StatusCode;
use engine_api::swarm::{
    ServiceCreateQuery, ServiceCreateResponse, ServiceInspectQuery, ServiceListQuery, ServiceSpec,
    ServiceUpdateQuery, ServiceUpdateResponse,
};
use swarm_api::pb;
use swarm_api::pb::update_service_request::RegistryAuthFrom;

use super::{control, stated, timed};
use crate::convert;
use crate::failure::Failure;
use crate::filter::service::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::Call;
use crate::route::image::credentials::credentials;

pub(super) async fn create(call: Call<ServiceCreateQuery, Json<ServiceSpec>>) -> Outcome {
    // Whether this node can take it at all comes before what is wrong with it.
    let mut control = control(&call.api).await?;
    let mut spec = call.body.0;
    if spec.name.is_empty() {
        spec.name = engine::random_name();
    }
    let spec = convert::service::spec(spec)?;
    let registry_auth = sent(call.query.registry_auth)?;
    let request = pb::CreateServiceRequest { spec: Some(spec), registry_auth };
    let created = control.create_service(timed(request)).await?.into_inner();
    Answer::json_with(StatusCode::CREATED, &ServiceCreateResponse { id: created.id, warnings: None })
}

pub(super) async fn list(call: Call<ServiceListQuery>) -> Outcome {
    let filter = Filter::new(call.query.filters)?;
    let request = filter.request(call.query.status);
    let pb::ListServicesResponse { services, mut counts } =
        control(&call.api).await?.list_services(timed(request)).await?.into_inner();
    let counted = call.query.status;
    let shown = services.into_iter().filter(|service| filter.shows(service)).map(|service| {
        let counts = counted.then(|| counts.remove(&service.id).unwrap_or_default());
        convert::service::service(service, counts)
    });
    Answer::json(&shown.collect::<Vec<_>>())
}

pub(super) async fn inspect(call: Call<ServiceInspectQuery>) -> Outcome {
    let request = pb::GetRequest { reference: call.name };
    let mut service = control(&call.api).await?.get_service(timed(request)).await?.into_inner();
    if call.query.insert_defaults {
        service.spec.as_mut().map(convert::service::insert_defaults);
    }
    Answer::json(&convert::service::service(service, None))
}

pub(super) async fn update(call: Call<ServiceUpdateQuery, Json<ServiceSpec>>) -> Outcome {
    let version = stated("service", call.query.version)?;
    let rollback = match call.query.rollback.as_str() {
        "" => false,
        "previous" => true,
        other => return Err(Failure::invalid(format!("unrecognized rollback option {other}"))),
    };
    let registry_auth_from = match call.query.registry_auth_from.as_str() {
        "" | "spec" => RegistryAuthFrom::Spec,
        "previous-spec" => RegistryAuthFrom::PreviousSpec,
        other => return Err(Failure::invalid(format!("unsupported registryAuthFrom value {other}"))),
    };
    let mut control = control(&call.api).await?;
    let says_ours = call.body.0.shoal.is_some();
    let mut spec = convert::service::spec(call.body.0)?;
    if !says_ours && !rollback {
        // Docker's client does not send back what it does not know. What is read here is what the version below names.
        let request = pb::GetRequest { reference: call.name.clone() };
        let known = control.get_service(timed(request)).await?.into_inner().spec.unwrap_or_default();
        spec.drain_time_ns = known.drain_time_ns;
    }
    let request = pb::UpdateServiceRequest {
        reference: call.name,
        version,
        spec: Some(spec),
        rollback,
        registry_auth: sent(call.query.registry_auth)?,
        registry_auth_from: registry_auth_from.into(),
    };
    control.update_service(timed(request)).await?;
    Answer::json(&ServiceUpdateResponse::default())
}

/// The credentials of a request, which nodes must be able to read.
fn sent(header: String) -> Result<Option<pb::RegistryCredentials>, Failure> {
    credentials(&header)?;
    Ok((!header.is_empty()).then_some(pb::RegistryCredentials { header }))
}

pub(super) async fn remove(call: Call) -> Outcome {
    let request = pb::GetRequest { reference: call.name };
    control(&call.api).await?.remove_service(timed(request)).await?;
    Answer::empty(StatusCode::OK)
}
