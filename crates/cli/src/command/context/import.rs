//! `shoal context import`.

use super::Scope;
use crate::console;
use crate::context::archive;
use crate::error::Error;

/// Import a context from a tar or zip file
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context import CONTEXT FILE|-")]
pub(crate) struct Args {
    #[arg(value_name = "CONTEXT", hide = true)]
    name: String,
    #[arg(value_name = "FILE|-", hide = true)]
    file: String,
}

pub(super) fn run(args: Args, scope: &Scope) -> Result<(), Error> {
    scope.check_new(&args.name)?;
    let (record, secrets) = match args.file.as_str() {
        "-" => archive::unpack(&args.name, std::io::stdin().lock())?,
        path => {
            let file =
                std::fs::File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
            archive::unpack(&args.name, file)?
        }
    };
    scope.store.save(&record, Some(&secrets))?;
    console::line(&args.name)?;
    console::note(&format!("Successfully imported context \"{}\"", args.name));
    Ok(())
}
