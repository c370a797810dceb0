//! `shoal context use`.

use super::Scope;
use crate::console;
use crate::context;
use crate::error::Error;

/// Set the current context
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context use CONTEXT")]
pub(crate) struct Args {
    #[arg(value_name = "CONTEXT", hide = true)]
    name: String,
}

pub(super) fn run(args: Args, scope: &mut Scope) -> Result<(), Error> {
    let name = args.name.as_str();
    if name != context::DEFAULT {
        context::check_name(name)?;
        scope.store.get(name)?;
    }
    scope.config.set_context(Some(name).filter(|name| *name != context::DEFAULT))?;
    console::line(name)?;
    console::note(&format!("Current context is now \"{name}\""));
    if let Some(variable) = scope.overridden.filter(|_| name != context::DEFAULT) {
        console::note(&format!(
            "Warning: {variable} environment variable overrides the active context. To use \"{name}\", either set the global --context flag, or unset {variable} environment variable."
        ));
    }
    Ok(())
}
