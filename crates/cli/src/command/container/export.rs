//! `shoal export`.

use super::path;
use crate::client::{Answer, Client, Request};
use crate::command::output;
use crate::error::Error;

/// Export a container's filesystem as a tar archive
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal export [OPTIONS] CONTAINER")]
pub(crate) struct Args {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    output: String,
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    output::check_archive(&args.output, "export container")?;
    let answer: Answer = client.send(Request::get(&path(&args.container, "/export"))).await?;
    output::archive(answer, &args.output).await
}
