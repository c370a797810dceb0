//! `shoal context create`.

use super::Scope;
use super::endpoint::{self, Endpoint};
use crate::console;
use crate::context::{self, Record, Secrets};
use crate::error::Error;

/// Create a context
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context create [OPTIONS] CONTEXT")]
pub(crate) struct Args {
    /// Description of the context
    #[arg(long, value_name = "string")]
    description: Option<String>,
    /// Set the endpoint: host=, ca=, cert=, key=, skip-tls-verify=, or from= another context
    #[arg(long, value_name = "stringToString", value_parser = endpoint::parse)]
    docker: Option<Endpoint>,
    /// Create context from a named context
    #[arg(long, value_name = "string")]
    from: Option<String>,
    #[arg(value_name = "CONTEXT", hide = true)]
    name: String,
}

pub(super) fn run(args: Args, scope: &Scope) -> Result<(), Error> {
    scope.check_new(&args.name)?;
    let (mut record, secrets) = match (&args.docker, &args.from) {
        (Some(endpoint), None) => {
            let mut record = Record::new(&args.name);
            let secrets = endpoint.apply(&mut record, scope)?;
            (record, secrets)
        }
        (None, Some(from)) => copy(from, &args.name, scope)?,
        (Some(_), Some(_)) => {
            return Err(Error::Usage("cannot use --docker flag when --from is set".to_owned()));
        }
        (None, None) if scope.current != context::DEFAULT => copy(&scope.current, &args.name, scope)?,
        (None, None) => copy(context::DEFAULT, &args.name, scope)?,
    };
    if let Some(description) = &args.description {
        record.set_description(description);
    }
    scope.store.save(&record, Some(&secrets))?;
    console::line(&args.name)?;
    console::note(&format!("Successfully created context \"{}\"", args.name));
    Ok(())
}

/// The context `from` under another name.
fn copy(from: &str, name: &str, scope: &Scope) -> Result<(Record, Secrets), Error> {
    if from == context::DEFAULT {
        let mut record = Record::new(name);
        record.set_endpoint(&scope.default.to_string(), false);
        return Ok((record, Secrets::default()));
    }
    let mut record = scope.store.get(from)?;
    let secrets = scope.store.secrets(from)?;
    name.clone_into(&mut record.name);
    Ok((record, secrets))
}
