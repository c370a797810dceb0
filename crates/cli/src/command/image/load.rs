//! `shoal load`.

use std::io::IsTerminal;

use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::StreamBody as Body;
use hyper::body::Frame;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::push::platform;
use crate::client::{Client, Request, StreamBody};
use crate::console;
use crate::error::Error;
use crate::progress::message;

/// Bytes of an archive that are sent at once.
const CHUNK: usize = 256 * 1024;

/// Load an image from a tar archive or STDIN
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal load [OPTIONS]")]
pub(crate) struct Args {
    /// Read from tar archive file, instead of STDIN
    #[arg(short, long, value_name = "string")]
    input: Option<String>,
    /// Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Suppress the load output
    #[arg(short, long)]
    quiet: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let body = match args.input.as_deref() {
        Some(path) if path != "-" => file(path).await?,
        _ if std::io::stdin().is_terminal() => {
            return Err(Error::Usage("requested load from stdin, but stdin is empty".to_owned()));
        }
        _ => stream(tokio::io::stdin()),
    };
    let quiet = args.quiet || !console::is_terminal();
    let request = Request::post("/images/load")
        .query("quiet", u8::from(quiet))
        .query_some("platform", args.platform.as_deref().map(platform))
        .stream(body);
    let lines = client.send(request).await?.lines();
    message::show(lines, std::io::stdout(), console::is_terminal()).await
}

/// The body of a request that is the file at `path`.
pub(in crate::command) async fn file(path: &str) -> Result<StreamBody, Error> {
    let opened = tokio::fs::File::open(path).await;
    let unreadable = |source| Error::File { path: path.to_owned(), source };
    let file = opened.map_err(unreadable)?;
    if file.metadata().await.map_err(unreadable)?.is_dir() {
        return Err(unreadable(std::io::Error::from(std::io::ErrorKind::IsADirectory)));
    }
    Ok(stream(file))
}

/// The body of a request that is what `reader` gives until its end.
pub(in crate::command) fn stream(reader: impl AsyncRead + Send + Unpin + 'static) -> StreamBody {
    let chunks = unfold(reader, |mut reader| async move {
        let mut chunk = Vec::with_capacity(CHUNK);
        match reader.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(Frame::data(Bytes::from(chunk))), reader)),
            Err(error) => Some((Err(error), reader)),
        }
    });
    StreamBody::new(Body::new(chunks))
}
