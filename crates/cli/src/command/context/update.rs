//! `shoal context update`.

use super::Scope;
use super::endpoint::{self, Endpoint};
use crate::console;
use crate::error::Error;

/// Update a context
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context update [OPTIONS] CONTEXT")]
pub(crate) struct Args {
    /// Description of the context
    #[arg(long, value_name = "string")]
    description: Option<String>,
    /// Set the endpoint: host=, ca=, cert=, key=, skip-tls-verify=, or from= another context
    #[arg(long, value_name = "stringToString", value_parser = endpoint::parse)]
    docker: Option<Endpoint>,
    #[arg(value_name = "CONTEXT", hide = true)]
    name: String,
}

pub(super) fn run(args: Args, scope: &Scope) -> Result<(), Error> {
    let mut record = scope.store.get(&args.name)?;
    if let Some(description) = &args.description {
        record.set_description(description);
    }
    let secrets = args.docker.as_ref().map(|endpoint| endpoint.apply(&mut record, scope)).transpose()?;
    scope.store.save(&record, secrets.as_ref())?;
    console::line(&args.name)?;
    console::note(&format!("Successfully updated context \"{}\"", args.name));
    Ok(())
}
