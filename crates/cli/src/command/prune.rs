//! What the verbs `prune` share.

use serde_json::Value;

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::pair;
use crate::format::unit;

/// `--filter` and `--force`.
#[derive(Debug, clap::Args)]
pub(super) struct Pruning {
    /// Provide filter values (e.g. "until=<timestamp>")
    #[arg(long, value_name = "filter", value_parser = pair::filter)]
    pub(super) filter: Vec<(String, String)>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    pub(super) force: bool,
}

impl Pruning {
    /// Asks unless told not to, prunes at `path`, and tells what went: the names that the answer has as `field`.
    pub(super) async fn run(
        &self,
        client: &Client,
        warning: &str,
        path: &str,
        field: &str,
        title: &str,
    ) -> Result<(), Error> {
        if !self.force && !super::confirm::confirm(warning)? {
            return Ok(());
        }
        let request = Request::post(path).query_some("filters", Some(pair::filters(&self.filter)));
        let pruned: Value = client.json(request).await?;
        let gone: Vec<&str> =
            pruned[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !gone.is_empty() {
            console::line(&format!("{title}:\n{}\n", gone.join("\n")))?;
        }
        let freed = pruned["SpaceReclaimed"].as_u64().unwrap_or(0);
        console::line(&format!("Total reclaimed space: {}", unit::size(freed)))
    }
}
