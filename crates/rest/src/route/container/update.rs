//! `POST /containers/{id}/update`.

use engine_api::container::{ContainerUpdateRequest, ContainerUpdateResponse};

use crate::convert;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};

pub(super) async fn update(call: Call<NoQuery, Json<ContainerUpdateRequest>>) -> Outcome {
    let update = convert::container::update(call.body.0)?;
    let warnings = call.api.containers.update(&call.name, update).await?;
    Answer::json(&ContainerUpdateResponse { warnings })
}
