//! `shoal context rm`.

use super::Scope;
use crate::console;
use crate::context;
use crate::error::Error;

/// Remove one or more contexts
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context rm CONTEXT [CONTEXT...]")]
pub(crate) struct Args {
    /// Force the removal of a context in use
    #[arg(short, long)]
    force: bool,
    #[arg(value_name = "CONTEXT", required = true, hide = true)]
    names: Vec<String>,
}

pub(super) fn run(args: Args, scope: &mut Scope) -> Result<(), Error> {
    let mut failed = Vec::new();
    for name in &args.names {
        match remove(name, args.force, scope) {
            Ok(()) => console::line(name)?,
            Err(error) => failed.push(error),
        }
    }
    for error in &failed {
        console::note(&error.to_string());
    }
    if failed.is_empty() { Ok(()) } else { Err(Error::Told) }
}

fn remove(name: &str, force: bool, scope: &mut Scope) -> Result<(), Error> {
    if name == context::DEFAULT {
        return Err(Error::Usage("context \"default\" cannot be removed".to_owned()));
    }
    if !scope.store.has(name) && !force {
        return Err(Error::Usage(format!("context \"{name}\" does not exist")));
    }
    if name == scope.current {
        if !force {
            return Err(Error::Usage(format!("context \"{name}\" is in use, set -f flag to force remove")));
        }
        if scope.config.context() == Some(name) {
            scope.config.set_context(None)?;
        }
    }
    scope.store.remove(name)
}
