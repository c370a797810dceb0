//! `shoal volume import`.

use std::io::IsTerminal;

use serde_json::Value;

use crate::client::{Client, Request, encode};
use crate::command::image::load;
use crate::console;
use crate::error::Error;

/// Import a tar archive into a volume, which is created if it is missing
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal volume import [OPTIONS] VOLUME [FILE|-]")]
pub(crate) struct Args {
    /// Add to what is in the volume; files of the same name are replaced
    #[arg(long)]
    merge: bool,
    #[arg(value_name = "VOLUME", hide = true)]
    volume: String,
    #[arg(value_name = "FILE", hide = true)]
    file: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let body = match args.file.as_deref() {
        Some(path) if path != "-" => load::file(path).await?,
        _ if std::io::stdin().is_terminal() => {
            return Err(Error::Usage("requested import from stdin, but stdin is empty".to_owned()));
        }
        _ => load::stream(tokio::io::stdin()),
    };
    let path = format!("/shoal/volumes/{}/archive", encode(&args.volume));
    let request = Request::put(&path).flag("merge", args.merge).stream(body);
    let imported: Value = client.json(request).await?;
    console::line(imported["Name"].as_str().unwrap_or_default())
}
