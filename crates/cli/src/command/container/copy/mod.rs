//! `shoal cp`.
//!
//! `place` decides what is copied where under which name; `pack` and `unpack` are this machine's side of the archive;
//! `bridge` joins their blocking reads and writes to the connection.

mod bridge;
mod into;
mod out;
mod pack;
mod place;
mod progress;
mod unpack;

use std::io::IsTerminal;

use crate::client::Client;
use crate::error::Error;

/// Copy files/folders between a container and the local filesystem
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "shoal cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tshoal cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"
)]
pub(crate) struct Args {
    /// Archive mode (copy all uid/gid information)
    #[arg(short, long)]
    archive: bool,
    /// Always follow symbol link in SRC_PATH
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached
    #[arg(short, long)]
    quiet: bool,
    #[arg(value_name = "SOURCE", allow_hyphen_values = true, hide = true)]
    source: String,
    #[arg(value_name = "DESTINATION", allow_hyphen_values = true, hide = true)]
    destination: String,
}

/// One copy between a container and this machine.
struct Copy<'a> {
    client: &'a Client,
    container: &'a str,
    source: &'a str,
    destination: &'a str,
    follow: bool,
    keep_owner: bool,
    quiet: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let usage = |text: &str| Err(Error::Usage(text.to_owned()));
    if args.source.is_empty() {
        return usage("source can not be empty");
    }
    if args.destination.is_empty() {
        return usage("destination can not be empty");
    }
    let (from, source) = place::split_argument(&args.source);
    let (to, destination) = place::split_argument(&args.destination);
    let copy = |container| Copy {
        client,
        container,
        source,
        destination,
        follow: args.follow_link,
        keep_owner: args.archive,
        quiet: args.quiet || !std::io::stderr().is_terminal(),
    };
    match (from, to) {
        (Some(container), None) => out::run(copy(container)).await,
        (None, Some(container)) => into::run(copy(container)).await,
        (Some(_), Some(_)) => usage("copying between containers is not supported"),
        (None, None) => usage("must specify at least one container source"),
    }
}

/// What the daemon says of a path in a container.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Stat {
    mode: u32,
    link_target: String,
}

/// Go's bits of a file's mode, which the API has: directory, symbolic link, and all that are neither those nor a regular
/// file (device, pipe, socket, character device, irregular).
mod mode {
    pub(super) const DIRECTORY: u32 = 1 << 31;
    pub(super) const LINK: u32 = 1 << 27;
    pub(super) const SPECIAL: u32 = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;
}

impl Stat {
    /// Reads the header `X-Docker-Container-Path-Stat`.
    fn parse(header: Option<&str>) -> Result<Self, Error> {
        use base64::Engine as _;
        let bad = |reason: String| Error::Answer { what: "the path's state".to_owned(), reason };
        let header = header.ok_or_else(|| bad("the header is missing".to_owned()))?;
        let json = base64::engine::general_purpose::STANDARD
            .decode(header.trim())
            .map_err(|error| bad(error.to_string()))?;
        serde_json::from_slice(&json).map_err(|error| bad(error.to_string()))
    }

    fn is_directory(&self) -> bool {
        self.mode & mode::DIRECTORY != 0
    }

    fn is_link(&self) -> bool {
        self.mode & mode::LINK != 0
    }

    fn is_special(&self) -> bool {
        self.mode & mode::SPECIAL != 0
    }
}

impl Copy<'_> {
    /// `/containers/NAME/archive`.
    fn path(&self) -> String {
        super::path(self.container, "/archive")
    }

    /// Asks what stands at `path` in the container, a link not followed.
    async fn stat(&self, path: &str) -> Result<Stat, Error> {
        let request = crate::client::Request::head(&self.path()).query("path", path);
        Stat::parse(self.client.send(request).await?.header(STAT))
    }
}

/// The header in which the daemon says what stands at a path.
const STAT: &str = "X-Docker-Container-Path-Stat";
