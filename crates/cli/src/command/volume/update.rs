//! `shoal volume update`.

use serde_json::Value;

use crate::client::{Client, Request, encode};
use crate::error::Error;

/// Update a volume (cluster volumes only)
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal volume update [OPTIONS] VOLUME")]
pub(crate) struct Args {
    /// Cluster Volume availability ("active", "pause", "drain")
    #[arg(long, value_name = "string", default_value = "active")]
    availability: String,
    #[arg(value_name = "VOLUME", hide = true)]
    volume: String,
}

/// Looks for the volume first, as Docker's client does: only those of a cluster can be changed, and there are none.
pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    if !matches!(args.availability.as_str(), "active" | "pause" | "drain") {
        let words =
            format!("invalid availability {:?}: active, pause or drain is expected", args.availability);
        return Err(Error::Usage(words));
    }
    let _: Value = client.json(Request::get(&format!("/volumes/{}", encode(&args.volume)))).await?;
    Err(Error::Usage("can only update cluster volumes".to_owned()))
}
