//! Tasks: list, inspect.

use std::collections::{BTreeSet, HashMap};

use engine_api::swarm::TaskListQuery;
use swarm_api::pb;
use swarm_api::pb::control_client::ControlClient;
use tonic::transport::Channel;

use super::{control, timed};
use crate::convert;
use crate::failure::Failure;
use crate::filter::task::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// Tasks of more services than this: all services are asked for, and none by name.
const MAX_NAMED: usize = 64;

pub(super) async fn list(call: Call<TaskListQuery>) -> Outcome {
    let filter = Filter::new(call.query.filters)?;
    let mut control = control(&call.api).await?;
    let mut tasks = control.list_tasks(timed(filter.request()?)).await?.into_inner().tasks;
    tasks.retain(|task| filter.shows(task));
    if let Some(wanted) = filter.up_to_date {
        let newest = spec_versions(&mut control, &tasks).await?;
        tasks.retain(|task| {
            (newest.get(&task.service_id) == Some(&(task.spec_version, task.job_iteration))) == wanted
        });
    }
    Answer::json(&tasks.into_iter().map(convert::task::task).collect::<Vec<_>>())
}

pub(super) async fn inspect(call: Call) -> Outcome {
    let request = pb::GetRequest { reference: call.name };
    let task = control(&call.api).await?.get_task(timed(request)).await?.into_inner();
    Answer::json(&convert::task::task(task))
}

/// Of each service of the tasks, what its newest ones were made of.
async fn spec_versions(
    control: &mut ControlClient<Channel>,
    tasks: &[pb::Task],
) -> Result<HashMap<String, (u64, u64)>, Failure> {
    let ids: BTreeSet<&String> = tasks.iter().map(|task| &task.service_id).collect();
    let ids = if ids.len() <= MAX_NAMED { ids.into_iter().cloned().collect() } else { Vec::new() };
    let request = pb::ListServicesRequest { ids, ..pb::ListServicesRequest::default() };
    let services = control.list_services(timed(request)).await?.into_inner().services;
    let made_of = |service: pb::Service| (service.id, (service.spec_version, service.job_iteration));
    Ok(services.into_iter().map(made_of).collect())
}
