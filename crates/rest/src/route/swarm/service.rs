//! Services: create, list, inspect, update, remove.

use ::http::StatusCode;
use engine_api::swarm::{
    ServiceCreateQuery, ServiceCreateResponse, ServiceInspectQuery, ServiceListQuery, ServiceSpec,
    ServiceUpdateQuery, ServiceUpdateResponse,
};
use swarm_api::pb;

use super::{control, timed};
use crate::convert;
use crate::failure::Failure;
use crate::filter::service::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::Call;

pub(super) async fn create(call: Call<ServiceCreateQuery, Json<ServiceSpec>>) -> Outcome {
    // Whether this node can take it at all comes before what is wrong with it.
    let mut control = control(&call.api).await?;
    let mut spec = call.body.0;
    if spec.name.is_empty() {
        spec.name = engine::random_name();
    }
    let spec = convert::service::spec(spec)?;
    let request = pb::CreateServiceRequest { spec: Some(spec), ..pb::CreateServiceRequest::default() };
    let created = control.create_service(timed(request)).await?.into_inner();
    Answer::json_with(StatusCode::CREATED, &ServiceCreateResponse { id: created.id, warnings: None })
}

pub(super) async fn list(call: Call<ServiceListQuery>) -> Outcome {
    let filter = Filter::new(call.query.filters)?;
    let request = pb::ListServicesRequest { status: call.query.status, ..pb::ListServicesRequest::default() };
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
    let rollback = match call.query.rollback.as_str() {
        "" => false,
        "previous" => true,
        other => return Err(Failure::invalid(format!("unrecognized rollback option {other}"))),
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
        version: call.query.version,
        spec: Some(spec),
        rollback,
        ..pb::UpdateServiceRequest::default()
    };
    control.update_service(timed(request)).await?;
    Answer::json(&ServiceUpdateResponse::default())
}

pub(super) async fn remove(call: Call) -> Outcome {
    let request = pb::GetRequest { reference: call.name };
    control(&call.api).await?.remove_service(timed(request)).await?;
    Answer::empty(StatusCode::OK)
}
