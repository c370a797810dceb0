//! `GET /containers/{id}/json`.

use engine_api::container::InspectQuery;

use crate::convert::{self, container::Rooted};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn inspect(call: Call<InspectQuery>) -> Outcome {
    let record = call.api.containers.inspect(&call.name)?;
    let paths = call.api.containers.paths(&record.id);
    let rootfs = call.api.images.rootfs(&record.id).await.ok();
    Answer::json(&convert::container::inspect(&record, &Rooted { paths, rootfs }, call.version))
}
