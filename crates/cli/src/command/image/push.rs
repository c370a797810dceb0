//! `shoal push`.

use super::pull::check;
use super::split;
use crate::client::{Client, Request, encode_path};
use crate::console;
use crate::error::Error;
use crate::progress::message;
use crate::registry;

/// Upload an image to a registry
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal push [OPTIONS] NAME[:TAG]")]
pub(crate) struct Args {
    /// Push all tags of an image to the repository
    #[arg(short, long)]
    all_tags: bool,
    /// Skip image signing (accepted, without effect)
    #[arg(long)]
    disable_content_trust: bool,
    /// Push a platform-specific manifest as a single-platform image to the registry
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    #[arg(value_name = "NAME", hide = true)]
    image: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    check(&args.image)?;
    let (name, tag) = split(&args.image);
    if args.image.contains('@') {
        return Err(Error::Usage("cannot push a digest reference".to_owned()));
    }
    let tag = match (args.all_tags, tag) {
        (true, Some(_)) => return Err(Error::Usage("tag can't be used with --all-tags/-a".to_owned())),
        (true, None) => "",
        (false, None) => {
            if !args.quiet {
                console::line("Using default tag: latest")?;
            }
            "latest"
        }
        (false, Some(tag)) => tag,
    };
    let request = Request::post(&format!("/images/{}/push", encode_path(name)))
        .query("tag", tag)
        .query_some("platform", args.platform.as_deref().map(platform))
        .header(registry::HEADER, &registry::header_for(client.config(), &args.image).await?);
    let lines = client.send(request).await?.lines();
    if args.quiet {
        message::swallow(lines).await?;
        let named = if args.all_tags { args.image.clone() } else { format!("{name}:{tag}") };
        return console::line(&super::pull::canonical(&named));
    }
    message::show(lines, std::io::stdout(), console::is_terminal()).await
}

/// `linux/arm/v7` as this parameter has it.
pub(super) fn platform(text: &str) -> String {
    let mut parts = text.splitn(3, '/').map(str::to_owned);
    let mut fields = serde_json::Map::new();
    for name in ["os", "architecture", "variant"] {
        if let Some(part) = parts.next() {
            fields.insert(name.to_owned(), part.into());
        }
    }
    serde_json::Value::Object(fields).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms() {
        assert_eq!(platform("linux/arm/v7"), r#"{"architecture":"arm","os":"linux","variant":"v7"}"#);
        assert_eq!(platform("linux"), r#"{"os":"linux"}"#);
    }
}
