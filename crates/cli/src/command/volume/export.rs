//! `shoal volume export`.

use std::path::Path;

use crate::client::{Answer, Client, Request, encode};
use crate::command::output;
use crate::console;
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
    if args.output.is_empty() && console::is_terminal() {
        return Err(Error::Usage(
            "cowardly refusing to save to a terminal. Use the -o flag or redirect".to_owned(),
        ));
    }
    if !args.output.is_empty() {
        output::check(&args.output)
            .map_err(|error| Error::Usage(format!("failed to export volume: {error}")))?;
    }
    let path = format!("/shoal/volumes/{}/archive", encode(&args.volume));
    let answer: Answer = client.send(Request::get(&path)).await?;
    match args.output.as_str() {
        "" => output::copy(answer, &mut tokio::io::stdout()).await,
        file => output::save(answer, Path::new(file)).await,
    }
}
