//! Verbs on images.

pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod prune;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod remove;
pub(crate) mod save;
pub(crate) mod tag;

use clap::Subcommand;

use crate::client::Client;
use crate::error::Error;

/// `shoal image …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Show the history of an image
    History(history::Args),
    /// Import the contents from a tarball to create a filesystem image
    Import(import::Args),
    /// Display detailed information on one or more images
    Inspect(super::system::inspect::KindArgs),
    /// Load an image from a tar archive or STDIN
    Load(load::Args),
    /// List images
    #[command(visible_alias = "list")]
    Ls(list::Args),
    /// Remove unused images
    Prune(prune::Args),
    /// Download an image from a registry
    Pull(pull::Args),
    /// Upload an image to a registry
    Push(push::Args),
    /// Remove one or more images
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
    /// Save one or more images to a tar archive (streamed to STDOUT by default)
    Save(save::Args),
    /// Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
    Tag(tag::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<u8, Error> {
        match self {
            Self::History(args) => history::run(args, client).await?,
            Self::Import(args) => import::run(args, client).await?,
            Self::Inspect(args) => super::system::inspect::kind(args, "image", client).await?,
            Self::Load(args) => load::run(args, client).await?,
            Self::Ls(args) => list::run(args, client).await?,
            Self::Prune(args) => prune::run(args, client).await?,
            Self::Pull(args) => pull::run(args, client).await?,
            Self::Push(args) => push::run(args, client).await?,
            Self::Rm(args) => remove::run(args, client).await?,
            Self::Save(args) => save::run(args, client).await?,
            Self::Tag(args) => tag::run(args, client).await?,
        }
        Ok(0)
    }
}

/// Repository, and tag or digest, of an image's name; the tag is what follows the last colon behind the last slash.
pub(super) fn split(reference: &str) -> (&str, Option<&str>) {
    if let Some((name, digest)) = reference.split_once('@') {
        return (name, Some(digest));
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (reference, None),
    }
}

/// An image's name with the tag that stands for none, as Docker's client sends it with services.
pub(super) fn tagged(reference: &str) -> String {
    match split(reference) {
        (name, None) if !name.is_empty() => format!("{name}:latest"),
        _ => reference.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_digests() {
        let table = [
            ("busybox", ("busybox", None)),
            ("busybox:1", ("busybox", Some("1"))),
            ("localhost:5000/a", ("localhost:5000/a", None)),
            ("localhost:5000/a:b", ("localhost:5000/a", Some("b"))),
            ("a@sha256:00", ("a", Some("sha256:00"))),
            ("a:b@sha256:00", ("a:b", Some("sha256:00"))),
        ];
        for (input, want) in table {
            assert_eq!(split(input), want, "{input}");
        }
        assert_eq!(
            (tagged("a:5/b"), tagged("a@sha256:00")),
            ("a:5/b:latest".to_owned(), "a@sha256:00".to_owned())
        );
    }
}
