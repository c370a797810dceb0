//! `shoal context show`.

use super::Scope;
use crate::console;
use crate::error::Error;

/// Print the name of the current context
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context show")]
pub(crate) struct Args {}

pub(super) fn run(Args {}: Args, scope: &Scope) -> Result<(), Error> {
    console::line(&scope.current)
}
