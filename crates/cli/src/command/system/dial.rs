//! `shoal system dial-stdio`: the daemon's connection on standard input and output, for clients that come by ssh.

use tokio::io::{AsyncWriteExt, copy, split, stdin, stdout};

use crate::client::Client;
use crate::error::Error;

/// Proxy the stdio stream to the daemon connection. Should not be invoked manually
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal system dial-stdio")]
pub(crate) struct Args {}

/// Carries bytes until the daemon closes; the end of the input is told to it, and its answer awaited.
pub(super) async fn run(Args {}: Args, client: &Client) -> Result<(), Error> {
    let (mut reader, mut writer) = split(client.dial().await?);
    let send = async {
        copy(&mut stdin(), &mut writer).await?;
        // A daemon that is gone has closed the other half as well.
        let _ = writer.shutdown().await;
        std::future::pending::<std::io::Result<()>>().await
    };
    let receive = async {
        let mut out = stdout();
        copy(&mut reader, &mut out).await?;
        out.flush().await
    };
    tokio::select! {
        ended = receive => Ok(ended?),
        failed = send => Ok(failed?),
    }
}
