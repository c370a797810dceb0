//! `shoal inspect`, and the `inspect` of each group.

use engine_api::container::ContainerInspectResponse;
use engine_api::image::ImageInspect;
use engine_api::network::Network;
use engine_api::shape::{Shape, shape};
use engine_api::swarm::{File, Node, Service, Task};
use engine_api::volume::Volume;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{Client, Request, encode_path};
use crate::command::listing::template;
use crate::console;
use crate::error::Error;
use crate::format::indent::indent;

/// A kind of objects.
struct Kind {
    word: &'static str,
    /// What stands before and after the name in the path of one.
    path: (&'static str, &'static str),
    shape: fn() -> Shape,
}

/// The kinds, in the order in which a name without `--type` is looked for.
const KINDS: [Kind; 9] = [
    kind_of::<ContainerInspectResponse>("container", ("/containers/", "/json")),
    kind_of::<ImageInspect>("image", ("/images/", "/json")),
    kind_of::<Network>("network", ("/networks/", "")),
    kind_of::<Volume>("volume", ("/volumes/", "")),
    kind_of::<Service>("service", ("/services/", "")),
    kind_of::<Task>("task", ("/tasks/", "")),
    kind_of::<Node>("node", ("/nodes/", "")),
    kind_of::<File>("secret", ("/secrets/", "")),
    kind_of::<File>("config", ("/configs/", "")),
];

const fn kind_of<T: DeserializeOwned>(word: &'static str, path: (&'static str, &'static str)) -> Kind {
    Kind { word, path, shape: shape::<T> }
}

/// Return low-level information on objects
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal inspect [OPTIONS] NAME|ID [NAME|ID...]")]
pub(crate) struct Args {
    #[command(flatten)]
    inner: KindArgs,
    /// Only inspect objects of the given type
    #[arg(long = "type", value_name = "string")]
    kind: Option<String>,
}

/// The arguments of an `inspect` whose kind is known.
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal inspect [OPTIONS] NAME|ID [NAME|ID...]")]
pub(crate) struct KindArgs {
    /// Format output using a custom template: 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    /// Display total file sizes if the type is container
    #[arg(short, long)]
    size: bool,
    #[arg(value_name = "NAME|ID", required = true, hide = true)]
    names: Vec<String>,
}

impl KindArgs {
    /// The arguments of another verb that inspects.
    pub(in crate::command) fn new(names: Vec<String>, format: Option<String>) -> Self {
        Self { format, size: false, names }
    }
}

/// Inspects objects of any kind, or of the kind of `--type`.
pub(in crate::command) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    match args.kind.as_deref() {
        None | Some("") => show(&args.inner, None, client).await,
        Some(kind) => match KINDS.iter().find(|known| known.word == kind) {
            Some(known) => show(&args.inner, Some(known.word), client).await,
            None => {
                let known: Vec<&str> = KINDS.iter().map(|known| known.word).collect();
                Err(Error::Usage(format!(
                    "unknown type: \"{kind}\": one of {} is expected",
                    known.join(", ")
                )))
            }
        },
    }
}

/// Inspects objects of one kind.
pub(in crate::command) async fn kind(
    args: KindArgs,
    kind: &'static str,
    client: &Client,
) -> Result<(), Error> {
    show(&args, Some(kind), client).await
}

async fn show(args: &KindArgs, kind: Option<&str>, client: &Client) -> Result<(), Error> {
    let template = template(args.format.as_deref())?;
    let mut found = Vec::new();
    let mut failed = Vec::new();
    for name in &args.names {
        match fetch(client, name, kind, args.size).await {
            Ok(object) => found.push(object),
            Err(error @ (Error::Connect { .. } | Error::Permission { .. } | Error::Tls { .. })) => {
                return Err(error);
            }
            Err(error) => failed.push(error),
        }
    }
    match template {
        Some(template) => {
            for (kind, json) in &found {
                let value: Value = serde_json::from_str(json).map_err(|error| bad(&error))?;
                console::line(&template.apply_shaped(&value, &(kind.shape)())?)?;
            }
        }
        None => console::line(&array(found.iter().map(|(_, json)| json.as_str())))?,
    }
    for error in &failed {
        console::note(&error.to_string());
    }
    if failed.is_empty() { Ok(()) } else { Err(Error::Told) }
}

fn bad(error: &serde_json::Error) -> Error {
    Error::Answer { what: "inspect".to_owned(), reason: error.to_string() }
}

fn array<'a>(objects: impl Iterator<Item = &'a str>) -> String {
    let objects: Vec<String> = objects.map(|json| format!("    {}", indent(json, 1))).collect();
    if objects.is_empty() {
        return "[]".to_owned();
    }
    format!("[\n{}\n]", objects.join(",\n"))
}

/// What the object is, and its JSON as the daemon wrote it.
async fn fetch(
    client: &Client,
    name: &str,
    kind: Option<&str>,
    size: bool,
) -> Result<(&'static Kind, String), Error> {
    for looked in KINDS.iter().filter(|known| kind.is_none_or(|kind| kind == known.word)) {
        let Kind { word, path: (prefix, suffix), .. } = looked;
        let name = if *word == "node" && name == "self" { own_node(client).await? } else { name.to_owned() };
        let request = Request::get(&format!("{prefix}{}{suffix}", encode_path(&name)))
            .flag("size", size && *word == "container")
            // As Docker's client: what of the wishes was left to its default is shown.
            .flag("insertDefaults", *word == "service");
        match client.send(request).await {
            Ok(answer) => {
                return Ok((looked, String::from_utf8_lossy(&answer.bytes().await?).trim().to_owned()));
            }
            // Looking further: not there, no swarm here, or a kind this daemon does not have.
            Err(Error::Daemon { status: 404 | 406 | 501 | 503, .. }) if kind.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Usage(format!("Error: No such object: {name}")))
}

/// The id of the node that is asked.
pub(in crate::command) async fn own_node(client: &Client) -> Result<String, Error> {
    let info: engine_api::system::SystemInfo = client.json(Request::get("/info")).await?;
    if info.swarm.node_id.is_empty() {
        // Something that only a swarm can answer says why this is none.
        client.done(Request::get("/nodes")).await?;
        return Err(Error::Usage("node ID not found in /info".to_owned()));
    }
    Ok(info.swarm.node_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_stand_in_a_list() {
        assert_eq!(array([].into_iter()), "[]");
        let got = array(["{\"b\":1,\"a\":[]}", "{}"].into_iter());
        assert_eq!(got, "[\n    {\n        \"b\": 1,\n        \"a\": []\n    },\n    {}\n]");
    }
}
