//! Verbs on services.

mod change;
pub(crate) mod create;
mod edit;
mod extras;
mod file;
mod image;
mod inspect;
mod list;
mod logs;
mod mode;
mod network;
mod place;
mod ports;
mod pretty;
mod privilege;
mod remove;
mod resolver;
mod rollback;
mod scale;
mod spec;
pub(super) mod tasks;
#[cfg(test)]
mod tests;
mod update;

use clap::Subcommand;
use engine_api::swarm::ServiceUpdateResponse;
use serde_json::Value;

use crate::client::{Client, Request, encode_path};
use crate::console;
use crate::error::Error;
use crate::registry;

/// `shoal service …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a new service
    Create(Box<create::Args>),
    /// Display detailed information on one or more services
    Inspect(inspect::Args),
    /// Fetch the logs of a service or task
    Logs(logs::Args),
    /// List services
    #[command(visible_alias = "list")]
    Ls(list::Args),
    /// List the tasks of one or more services
    Ps(tasks::Args),
    /// Remove one or more services
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
    /// Revert changes to a service's configuration
    Rollback(rollback::Args),
    /// Scale one or multiple replicated services
    Scale(scale::Args),
    /// Update a service
    Update(Box<update::Args>),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Create(args) => create::run(*args, client).await,
            Self::Inspect(args) => inspect::run(args, client).await,
            Self::Logs(args) => logs::run(args, client).await,
            Self::Ls(args) => list::run(args, client).await,
            Self::Ps(args) => tasks::run(args, client).await,
            Self::Rm(args) => remove::run(args, client).await,
            Self::Rollback(args) => rollback::run(args, client).await,
            Self::Scale(args) => scale::run(args, client).await,
            Self::Update(args) => update::run(*args, client).await,
        }
    }
}

fn path(name: &str) -> String {
    format!("/services/{}", encode_path(name))
}

/// A service as JSON: what is not understood here must survive being written back.
struct Current {
    id: String,
    version: u64,
    spec: Value,
}

async fn current(client: &Client, name: &str) -> Result<Current, Error> {
    let mut service: Value = client.json(Request::get(&path(name)).query("insertDefaults", false)).await?;
    let id = service["ID"].as_str().unwrap_or(name).to_owned();
    Ok(Current {
        id,
        version: service["Version"]["Index"].as_u64().unwrap_or(0),
        spec: service["Spec"].take(),
    })
}

/// Writes a specification back; `rollback` asks for the previous one instead.
///
/// `auth`: the registry's credentials, for who asks to send them.
async fn write(client: &Client, current: &Current, rollback: bool, auth: Option<&str>) -> Result<(), Error> {
    let request = Request::post(&format!("{}/update", path(&current.id)))
        .query("version", current.version)
        .query_some("rollback", rollback.then_some("previous"))
        .header_some(registry::HEADER, auth)
        .json(&current.spec);
    let answer: ServiceUpdateResponse = client.json(request).await?;
    console::warnings(answer.warnings.iter().flatten());
    Ok(())
}
