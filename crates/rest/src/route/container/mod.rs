//! Containers.

mod archive;
mod attach;
mod attach_ws;
mod checkpoint;
mod commit;
mod create;
mod detach;
mod exec;
mod life;
mod list;
mod logs;
mod prune;
mod read;
mod stats;
pub(in crate::route) mod stream;
mod top;
mod update;
mod wait;

use ::http::Method;

use crate::http::table::Table;

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/containers/json", list::list);
    table.on(Method::POST, "/containers/create", create::create);
    table.on(Method::GET, "/containers/{id}/json", read::inspect);
    table.on(Method::GET, "/containers/{id}/logs", logs::logs);
    table.on(Method::HEAD, "/containers/{id}/archive", archive::stat);
    table.on(Method::GET, "/containers/{id}/archive", archive::get);
    table.on(Method::PUT, "/containers/{id}/archive", archive::put);
    table.on(Method::GET, "/containers/{id}/export", archive::export);
    table.on(Method::GET, "/containers/{id}/changes", commit::changes);
    table.on(Method::POST, "/commit", commit::commit);
    table.on(Method::POST, "/containers/{id}/start", life::start);
    table.on(Method::POST, "/containers/{id}/stop", life::stop);
    table.on(Method::POST, "/containers/{id}/restart", life::restart);
    table.on(Method::POST, "/containers/{id}/kill", life::kill);
    table.on(Method::POST, "/containers/{id}/pause", life::pause);
    table.on(Method::POST, "/containers/{id}/unpause", life::unpause);
    table.on(Method::POST, "/containers/{id}/update", update::update);
    table.on(Method::GET, "/containers/{id}/stats", stats::stats);
    table.on(Method::GET, "/containers/{id}/top", top::top);
    table.on(Method::POST, "/containers/prune", prune::prune);
    table.on(Method::POST, "/containers/{id}/rename", life::rename);
    table.on(Method::POST, "/containers/{id}/resize", life::resize);
    table.on(Method::GET, "/containers/{id}/checkpoints", checkpoint::list);
    table.on(Method::POST, "/containers/{id}/checkpoints", checkpoint::create);
    table.on(Method::DELETE, "/containers/{id}/checkpoints/{checkpoint}", checkpoint::remove);
    table.on(Method::POST, "/containers/{id}/wait", wait::wait);
    table.on(Method::DELETE, "/containers/{id}", life::remove);
    table.on(Method::POST, "/containers/{id}/attach", attach::attach).hijacks = true;
    table.on(Method::GET, "/containers/{id}/attach/ws", attach_ws::attach).hijacks = true;
    table.on(Method::POST, "/containers/{id}/exec", exec::create);
    table.on(Method::POST, "/exec/{id}/start", exec::start).hijacks = true;
    table.on(Method::POST, "/exec/{id}/resize", exec::resize);
    table.on(Method::GET, "/exec/{id}/json", exec::inspect);
}
