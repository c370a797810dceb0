//! `shoal save`.

use super::push::platform;
use crate::client::{Client, Request};
use crate::command::output;
use crate::error::Error;

/// Save one or more images to a tar archive (streamed to STDOUT by default)
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal save [OPTIONS] IMAGE [IMAGE...]")]
pub(crate) struct Args {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    output: String,
    /// Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[arg(value_name = "IMAGE", hide = true, required = true)]
    images: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    output::check_archive(&args.output, "save image")?;
    let mut request = Request::get("/images/get");
    for image in &args.images {
        request = request.query("names", image);
    }
    let answer = client.send(request.query_some("platform", args.platform.as_deref().map(platform))).await?;
    output::archive(answer, &args.output).await
}
