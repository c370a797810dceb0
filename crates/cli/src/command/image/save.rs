//! `shoal save`.

use std::path::Path;

use super::push::platform;
use crate::client::{Client, Request};
use crate::command::output;
use crate::console;
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
    if args.output.is_empty() && console::is_terminal() {
        return Err(Error::Usage(
            "cowardly refusing to save to a terminal. Use the -o flag or redirect".to_owned(),
        ));
    }
    if !args.output.is_empty() {
        output::check(&args.output)
            .map_err(|error| Error::Usage(format!("failed to save image: {error}")))?;
    }
    let mut request = Request::get("/images/get");
    for image in &args.images {
        request = request.query("names", image);
    }
    let answer = client.send(request.query_some("platform", args.platform.as_deref().map(platform))).await?;
    match args.output.as_str() {
        "" => output::copy(answer, &mut tokio::io::stdout()).await,
        file => output::save(answer, Path::new(file)).await,
    }
}
