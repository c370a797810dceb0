//! `shoal commit`.

use serde_json::{Value, json};

use crate::client::{Client, Request};
use crate::command::image::split;
use crate::console;
use crate::error::Error;
use crate::flag::switch;

/// Create a new image from a container's changes
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]")]
pub(crate) struct Args {
    /// Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")
    #[arg(short, long, value_name = "string")]
    author: Option<String>,
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Commit message
    #[arg(short, long, value_name = "string")]
    message: Option<String>,
    /// Pause container during commit (default true)
    #[arg(short, long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
          hide_default_value = true, action = clap::ArgAction::Set, value_parser = switch::parse)]
    pause: bool,
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
    #[arg(value_name = "REPOSITORY", hide = true)]
    repository: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let (name, tag) = args.repository.as_deref().map_or(("", None), split);
    let mut request = Request::post("/commit")
        .query("container", args.container.trim())
        .query_some("repo", Some(name))
        .query_some("tag", tag)
        .query_some("comment", args.message)
        .query_some("author", args.author)
        .query("pause", u8::from(args.pause));
    for change in &args.change {
        request = request.query("changes", change);
    }
    // The container's own configuration is taken; the body could only change it.
    let created: Value = client.json(request.json(&json!({}))).await?;
    console::line(created["Id"].as_str().unwrap_or_default())
}
