//! `shoal secret inspect`, `shoal config inspect`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_api::Timestamp;
use engine_api::swarm::File;
use time::OffsetDateTime;

use super::Kind;
use crate::client::{Client, Request};
use crate::command::system::inspect;
use crate::console;
use crate::error::Error;
use crate::format::unit;

/// The arguments of both.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Format output using a custom template: 'pretty', 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    /// Print the information in a human friendly format
    #[arg(long)]
    pretty: bool,
    #[arg(value_name = "NAME", required = true, hide = true)]
    names: Vec<String>,
}

pub(super) async fn run(args: Args, kind: Kind, client: &Client) -> Result<(), Error> {
    if args.pretty && args.format.is_some() {
        return Err(Error::Usage("--format is incompatible with human friendly format".to_owned()));
    }
    if !args.pretty && args.format.as_deref() != Some("pretty") {
        return inspect::kind(inspect::KindArgs::new(args.names, args.format), kind.word(), client).await;
    }
    for name in &args.names {
        let file: File = client.json(Request::get(&kind.path_of(name))).await?;
        console::line(&pretty(kind, &file))?;
    }
    Ok(())
}

fn pretty(kind: Kind, file: &File) -> String {
    let gap = match kind {
        Kind::Secret => "              ",
        Kind::Config => "\t\t\t",
    };
    let mut lines = vec![format!("ID:{gap}{}", file.id), format!("Name:{gap}{}", file.spec.name)];
    if !file.spec.labels.is_empty() {
        lines.push("Labels:".to_owned());
        lines.extend(file.spec.labels.iter().map(|(key, value)| match value.as_str() {
            "" => format!(" - {key}"),
            value => format!(" - {key}={value}"),
        }));
    }
    if kind == Kind::Secret {
        lines.push("Driver:            ".to_owned());
    }
    let tab = if kind == Kind::Config { "    \t" } else { "" };
    lines.push(format!("Created at:        {tab}{}", date(file.created_at)));
    lines.push(format!("Updated at:        {tab}{}", date(file.updated_at)));
    if kind == Kind::Config {
        let data = STANDARD.decode(&file.spec.data).unwrap_or_default();
        lines.push(format!("Data:\n{}", String::from_utf8_lossy(&data)));
    }
    lines.join("\n")
}

fn date(moment: Timestamp) -> String {
    let moment = moment.ns().and_then(|ns| OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns)).ok());
    moment.map(unit::date).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_api::swarm::FileSpec;

    #[test]
    fn only_a_config_shows_what_it_holds() {
        let spec = FileSpec { name: "site".into(), data: "aGk=".into(), ..FileSpec::default() };
        let file = File { id: "x".into(), spec, ..File::default() };
        assert!(pretty(Kind::Config, &file).ends_with("Data:\nhi"));
        assert!(!pretty(Kind::Secret, &file).contains("hi"));
    }
}
