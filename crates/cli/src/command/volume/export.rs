//! `shoal volume export`.

use crate::client::{Answer, Client, Request, encode};
use crate::command::output;
use crate::error::Error;

/// Export what is in a volume as a tar archive
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal volume export [OPTIONS] VOLUME")]
pub(crate) struct Args {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    output: String,
    #[arg(value_name = "VOLUME", hide = true)]
    volume: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    output::check_archive(&args.output, "export volume")?;
    let path = format!("/shoal/volumes/{}/archive", encode(&args.volume));
    let answer: Answer = client.send(Request::get(&path)).await?;
    output::archive(answer, &args.output).await
}
