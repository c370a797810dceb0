//! `GET /containers/{id}/json`.

use engine_api::container::InspectQuery;

use super::list::sizes;
use crate::convert::{
    self,
    container::{Defaults, Rooted},
};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn inspect(call: Call<InspectQuery>) -> Outcome {
    let record = call.api.containers.inspect(&call.name)?;
    let paths = call.api.containers.paths(&record.id);
    let rootfs = call.api.images.rootfs(&record.id).await.ok();
    let facts = call.api.facts.borrow().clone();
    let defaults = Defaults { log_driver: facts.log_driver.clone(), runtime: facts.default_runtime.clone() };
    let rooted = Rooted { paths, rootfs, driver: facts.storage_driver.clone() };
    let execs = call.api.execs.of_container(&record.id);
    let mut told = convert::container::inspect(&record, &rooted, &defaults, call.version);
    told.exec_ids = Some(execs).filter(|execs| !execs.is_empty());
    if call.query.size {
        let (own, root) = sizes(&call.api, &record.id).await;
        (told.size_rw, told.size_root_fs) = (Some(own), Some(root));
    }
    Answer::json(&told)
}
