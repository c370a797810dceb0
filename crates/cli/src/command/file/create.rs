//! `shoal secret create`, `shoal config create`.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Kind;
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::file::reason;
use crate::flag::pair;

/// The most that is read, in bytes: more than a daemon takes, which says so itself.
const MAX_BYTES: u64 = 2 << 20;

/// The arguments of both.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Labels
    #[arg(short, long, value_name = "list", value_parser = pair::label)]
    label: Vec<(String, String)>,
    /// Template driver
    #[arg(long, value_name = "string")]
    template_driver: Option<String>,
    #[arg(value_name = "NAME", required = true, hide = true)]
    name: String,
    #[arg(value_name = "FILE", hide = true)]
    file: Option<String>,
}

/// Those of secrets.
#[derive(Debug, clap::Args)]
pub(crate) struct SecretArgs {
    /// Secret driver
    #[arg(short, long, value_name = "string")]
    driver: Option<String>,
    #[command(flatten)]
    shared: Args,
}

pub(super) async fn secret(args: SecretArgs, client: &Client) -> Result<(), Error> {
    let SecretArgs { driver, shared } = args;
    let data = match (&driver, &shared.file) {
        (Some(_), Some(_)) => {
            let words = "when using secret driver secret data must be empty";
            return Err(Error::Usage(words.to_owned()));
        }
        (Some(_), None) => Vec::new(),
        (None, None) => {
            let words = "either specify a secret from a file, - for STDIN, or a secret driver";
            return Err(Error::Usage(words.to_owned()));
        }
        (None, Some(file)) => read(Kind::Secret, file)?,
    };
    let mut spec = spec(&shared, &data);
    if let Some(driver) = driver {
        spec["Driver"] = json!({"Name": driver});
    }
    create(Kind::Secret, &spec, client).await
}

pub(super) async fn config(args: Args, client: &Client) -> Result<(), Error> {
    let Some(file) = &args.file else {
        return Err(Error::Usage("\"shoal config create\" requires 2 arguments.".to_owned()));
    };
    let data = read(Kind::Config, file)?;
    create(Kind::Config, &spec(&args, &data), client).await
}

fn spec(args: &Args, data: &[u8]) -> Value {
    let mut spec = json!({
        "Name": args.name,
        "Labels": args.label.iter().cloned().collect::<BTreeMap<_, _>>(),
    });
    if !data.is_empty() {
        spec["Data"] = json!(STANDARD.encode(data));
    }
    if let Some(driver) = &args.template_driver {
        spec["Templating"] = json!({"Name": driver});
    }
    spec
}

async fn create(kind: Kind, spec: &Value, client: &Client) -> Result<(), Error> {
    let request = Request::post(&format!("{}/create", kind.path())).json(spec);
    let created: Value = client.json(request).await?;
    console::line(created["ID"].as_str().unwrap_or_default())
}

/// The content of a file, or of standard input.
fn read(kind: Kind, file: &str) -> Result<Vec<u8>, Error> {
    let mut data = Vec::new();
    let read = match file {
        "-" => std::io::stdin().lock().take(MAX_BYTES).read_to_end(&mut data),
        path => std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut data)),
    };
    let failed = |error: std::io::Error| {
        Error::Usage(format!("error reading content from {file:?}: {}", reason(&error)))
    };
    read.map_err(failed)?;
    if data.is_empty() {
        return Err(Error::Usage(format!(
            "error reading content from {file:?}: a {} must not be empty",
            kind.word()
        )));
    }
    Ok(data)
}
