//! `shoal context export`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use super::Scope;
use crate::console;
use crate::context::{self, Record, Secrets, archive};
use crate::error::Error;

/// Export a context to a tar archive FILE or a tar stream on STDOUT
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context export [OPTIONS] CONTEXT [FILE|-]")]
pub(crate) struct Args {
    #[arg(value_name = "CONTEXT", hide = true)]
    name: String,
    #[arg(value_name = "FILE|-", hide = true)]
    file: Option<String>,
}

pub(super) fn run(args: Args, scope: &Scope) -> Result<(), Error> {
    let (record, secrets) = if args.name == context::DEFAULT {
        let mut record = Record::new(context::DEFAULT);
        record.set_endpoint(&scope.default.to_string(), false);
        (record, Secrets::default())
    } else {
        context::check_name(&args.name)?;
        (scope.store.get(&args.name)?, scope.store.secrets(&args.name)?)
    };
    let bytes = archive::pack(&record, &secrets)?;
    if args.file.as_deref() == Some("-") {
        if console::is_terminal() {
            return Err(Error::Usage(
                "cowardly refusing to export to a terminal, specify a file path".to_owned(),
            ));
        }
        return Ok(std::io::stdout().lock().write_all(&bytes)?);
    }
    let path = args.file.unwrap_or_else(|| format!("{}.dockercontext", args.name));
    let failed = |source| Error::File { path: path.clone(), source };
    // There may be a key in it.
    let mut file =
        std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    console::note(&format!("Written file \"{path}\""));
    Ok(())
}
