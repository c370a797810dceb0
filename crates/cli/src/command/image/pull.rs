//! `shoal pull`, and the pull that `run` does by itself.

use std::io::Write;

use super::split;
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::FlagError;
use crate::progress::message;
use crate::registry;

/// Download an image from a registry
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal pull [OPTIONS] NAME[:TAG|@DIGEST]")]
pub(crate) struct Args {
    /// Download all tagged images in the repository
    #[arg(short, long)]
    all_tags: bool,
    /// Skip image verification (accepted, without effect)
    #[arg(long)]
    disable_content_trust: bool,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    platform: String,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    #[arg(value_name = "NAME", hide = true)]
    image: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    check(&args.image)?;
    if args.all_tags {
        if split(&args.image).1.is_some() {
            return Err(Error::Usage("tag can't be used with --all-tags/-a".to_owned()));
        }
    } else if split(&args.image).1.is_none() && !args.quiet {
        console::line("Using default tag: latest")?;
    }
    let progress = (!args.quiet).then(std::io::stdout);
    let (name, tag) = split(&args.image);
    let tag = if args.all_tags { "" } else { tag.unwrap_or("latest") };
    request(client, name, tag, &args.platform, progress, console::is_terminal()).await?;
    let named = canonical(&args.image);
    // All tags have no tag in common.
    console::line(if args.all_tags { named.trim_end_matches(":latest") } else { &named })
}

/// Pulls; shows the progress on `to`, if there is one.
pub(in crate::command) async fn pull(
    client: &Client,
    image: &str,
    platform: &str,
    to: Option<impl Write>,
    terminal: bool,
) -> Result<(), Error> {
    check(image)?;
    let (name, tag) = split(image);
    request(client, name, tag.unwrap_or("latest"), platform, to, terminal).await
}

/// Asks the daemon for one tag of a repository, or without one for all.
async fn request(
    client: &Client,
    name: &str,
    tag: &str,
    platform: &str,
    to: Option<impl Write>,
    terminal: bool,
) -> Result<(), Error> {
    let request = Request::post("/images/create")
        .query("fromImage", name)
        .query("tag", tag)
        .query_some("platform", Some(platform))
        .header(registry::HEADER, &registry::header_for(client.config(), name).await?);
    let lines = client.send(request).await?.lines();
    match to {
        Some(to) => message::show(lines, to, terminal).await,
        None => message::swallow(lines).await,
    }
}

/// Catches the commonest slips before the daemon is asked.
pub(super) fn check(image: &str) -> Result<(), FlagError> {
    let name = split(image).0;
    let repository = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let bad = name.is_empty()
        || image.contains(char::is_whitespace)
        || (repository.contains(':') && !image.contains('@'))
        || repository.chars().any(char::is_uppercase)
        || image.ends_with([':', '@', '/']);
    if bad { Err(FlagError::Reference { input: image.to_owned() }) } else { Ok(()) }
}

/// The name with its tag, as people write it.
pub(in crate::command) fn familiar(image: &str) -> String {
    if split(image).1.is_some() { image.to_owned() } else { format!("{image}:latest") }
}

/// The name in full: `docker.io/library/busybox:latest`.
pub(super) fn canonical(image: &str) -> String {
    let image = familiar(image);
    match image.split_once('/') {
        None => format!("docker.io/library/{image}"),
        Some((registry, _)) if registry.contains(['.', ':']) || registry == "localhost" => image,
        Some(_) => format!("docker.io/{image}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(canonical("busybox"), "docker.io/library/busybox:latest");
        assert_eq!(canonical("me/app:1"), "docker.io/me/app:1");
        assert_eq!(canonical("localhost:5000/app"), "localhost:5000/app:latest");
        for image in ["", "a b", "Busybox", "a:", "x/Y:1", "a:b:c"] {
            assert!(check(image).is_err(), "{image}");
        }
        let digest = "a".repeat(64);
        for image in ["localhost:5000/a_b-c.d:V1", &format!("a:1@sha256:{digest}")] {
            assert!(check(image).is_ok(), "{image}");
        }
    }
}
