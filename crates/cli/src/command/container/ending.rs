//! The flags that `stop` and `restart` share.

use super::path;
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::error::Error;

/// Which containers, and how their processes are asked to end.
#[derive(Debug, clap::Args)]
pub(super) struct Ending {
    /// Signal to send to the container
    #[arg(short, long, value_name = "string")]
    signal: Option<String>,
    /// Seconds to wait before killing the container
    #[arg(short = 't', long, alias = "time", value_name = "int")]
    timeout: Option<i64>,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

impl Ending {
    /// Does `action` (`/stop`, `/restart`) to each container.
    pub(super) async fn run(self, action: &str, client: &Client) -> Result<(), Error> {
        each(&self.containers, async |name| {
            let request = Request::post(&path(name, action))
                .query_some("signal", self.signal.as_ref())
                .query_some("t", self.timeout);
            client.done(request).await?;
            Ok(Some(name.to_owned()))
        })
        .await
    }
}
