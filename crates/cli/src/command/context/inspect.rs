//! `shoal context inspect`.

use serde_json::{Map, Value, json};

use super::Scope;
use crate::command::listing::template;
use crate::console;
use crate::context;
use crate::error::Error;
use crate::format::indent::indent;

/// What stands where the default context's folders would: it has none.
const NOT_STORED: &str = "<IN MEMORY>";

/// Display detailed information on one or more contexts
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context inspect [OPTIONS] [CONTEXT] [CONTEXT...]")]
pub(crate) struct Args {
    /// Format output using a custom template: 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    #[arg(value_name = "CONTEXT", hide = true)]
    names: Vec<String>,
}

pub(super) fn run(args: Args, scope: &Scope) -> Result<(), Error> {
    let template = template(args.format.as_deref())?;
    let names = if args.names.is_empty() { vec![scope.current.clone()] } else { args.names };
    let found: Vec<Value> = names.iter().map(|name| show(name, scope)).collect::<Result<_, _>>()?;
    match template {
        Some(template) => found.iter().try_for_each(|value| console::line(&template.apply(value)?)),
        None => console::line(&indent(&Value::Array(found).to_string(), 0)),
    }
}

fn show(name: &str, scope: &Scope) -> Result<Value, Error> {
    if name == context::DEFAULT {
        return Ok(json!({
            "Name": name,
            "Metadata": {},
            "Endpoints": {"docker": {"Host": scope.default.to_string(), "SkipTLSVerify": false}},
            "TLSMaterial": {},
            "Storage": {"MetadataPath": NOT_STORED, "TLSPath": NOT_STORED},
        }));
    }
    let mut value = scope.store.get(name)?.json();
    let secrets = scope.store.secrets(name)?;
    let files: Vec<&str> = secrets.files().map(|(file, _)| file).collect();
    let mut material = Map::new();
    if !files.is_empty() {
        material.insert("docker".to_owned(), json!(files));
    }
    value["TLSMaterial"] = Value::Object(material);
    value["Storage"] = json!({
        "MetadataPath": scope.store.meta_folder(name).display().to_string(),
        "TLSPath": scope.store.tls_folder(name).display().to_string(),
    });
    Ok(value)
}
