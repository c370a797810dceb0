//! Single objects of the kinds of which nothing makes one yet: whoever looks for one finds none. `docker inspect NAME`
//! asks for every kind in turn, and goes on to the next only after "not found".

use ::http::Method;

use crate::failure::Failure;
use crate::http::answer::Outcome;
use crate::http::call::Call;
use crate::http::table::Table;

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/plugins/{name}/json", plugin);
}

async fn plugin(call: Call) -> Outcome {
    Err(Failure::not_found(format!("plugin \"{}\" not found", call.name)))
}
