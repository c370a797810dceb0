//! `shoal version`.

use engine_api::system::SystemVersion;
use serde_json::{Value, json};

use crate::client::{Client, Request};
use crate::command::listing::template;
use crate::console;
use crate::error::Error;

/// Show the shoal version information
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal version [OPTIONS]")]
pub(crate) struct Args {
    /// Format output using a custom template: 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
}

pub(in crate::command) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let template = template(args.format.as_deref())?;
    let server = client.json::<Value>(Request::get("/version")).await;
    let (server, failed) = match server {
        Ok(server) => (server, None),
        Err(error) => (Value::Null, Some(error)),
    };
    let text = match template {
        Some(template) => template.apply(&json!({"Client": own(client), "Server": server}))? + "\n",
        None => text(client, serde_json::from_value(server).ok().as_ref()),
    };
    console::out(&text)?;
    failed.map_or(Ok(()), Err)
}

fn own(client: &Client) -> Value {
    json!({
        "Platform": {"Name": "shoal"},
        "Version": env!("CARGO_PKG_VERSION"),
        "ApiVersion": client.version(),
        "Os": std::env::consts::OS,
        "Arch": architecture(),
        "Context": client.context(),
    })
}

/// The architecture in the words of images.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn text(client: &Client, server: Option<&SystemVersion>) -> String {
    let mut out = format!(
        "Client:\n Version:           {}\n API version:       {}\n OS/Arch:           {}/{}\n",
        env!("CARGO_PKG_VERSION"),
        client.version(),
        std::env::consts::OS,
        architecture()
    );
    let Some(server) = server else { return out };
    out.push_str(&format!("\nServer: {}\n", server.platform.name));
    let engine = server.components.iter().find(|component| component.name == "Engine");
    out.push_str(&format!(
        " Engine:\n  Version:          {}\n",
        engine.map_or(&server.version, |engine| &engine.version)
    ));
    out.push_str(&format!(
        "  API version:      {} (minimum version {})\n",
        server.api_version, server.min_api_version
    ));
    for (name, value) in [("Git commit:", &server.git_commit), ("Built:", &server.build_time)] {
        if !value.is_empty() {
            out.push_str(&format!("  {name:17} {value}\n"));
        }
    }
    out.push_str(&format!(
        "  OS/Arch:          {}/{}\n  Experimental:     {}\n",
        server.os, server.arch, server.experimental
    ));
    for component in server.components.iter().filter(|component| component.name != "Engine") {
        out.push_str(&format!(" {}:\n  Version:          {}\n", component.name, component.version));
        for (name, value) in &component.details {
            out.push_str(&format!("  {:17} {value}\n", format!("{name}:")));
        }
    }
    out
}
