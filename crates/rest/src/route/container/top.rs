//! `GET /containers/{id}/top`.

use engine_api::container::{ContainerTopResponse, TopQuery};

use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn top(call: Call<TopQuery>) -> Outcome {
    let top = call.api.containers.top(&call.name, &call.query.ps_args).await?;
    Answer::json(&ContainerTopResponse { titles: top.titles, processes: top.processes })
}
