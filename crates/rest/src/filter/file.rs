//! Which secrets or configs a list shows. Left to the managers, so that they need not send every file.

use engine_api::Filters;
use swarm_api::pb;

use super::known;
use crate::failure::Failure;

const NAMES: [&str; 4] = ["id", "label", "name", "names"];

/// What the managers are asked: `names` are whole, `name` and `id` beginnings.
pub(crate) fn request(filters: &Filters) -> Result<pb::ListFilesRequest, Failure> {
    known(filters, &NAMES)?;
    Ok(pb::ListFilesRequest {
        ids: filters.get("id").to_vec(),
        name_beginnings: filters.get("name").to_vec(),
        names: filters.get("names").to_vec(),
        labels: filters.get("label").to_vec(),
    })
}
