//! Routes of the API that nothing stands behind yet. A route leaves this list when its area takes it.

use ::http::Method;

use crate::http::table::Table;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const DELETE: Method = Method::DELETE;

const ROUTES: &[(Method, &str)] = &[
    (POST, "/build"),
    (GET, "/images/{name}/attestations"),
    (GET, "/plugins"),
    (GET, "/plugins/privileges"),
    (POST, "/plugins/pull"),
    (DELETE, "/plugins/{name}"),
    (POST, "/plugins/{name}/enable"),
    (POST, "/plugins/{name}/disable"),
    (POST, "/plugins/{name}/upgrade"),
    (POST, "/plugins/create"),
    (POST, "/plugins/{name}/push"),
    (POST, "/plugins/{name}/set"),
    (POST, "/session"),
];

pub(super) fn routes(table: &mut Table) {
    for (method, path) in ROUTES.iter().cloned() {
        table.missing(method, path);
    }
}
