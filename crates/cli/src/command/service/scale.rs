//! `shoal service scale`.

use super::{current, mode, write};
use crate::client::Client;
use crate::console;
use crate::error::Error;
use crate::progress::watch::{self, Change};

/// Scale one or multiple replicated services
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service scale SERVICE=REPLICAS [SERVICE=REPLICAS...]")]
pub(crate) struct Args {
    /// Exit immediately instead of waiting for the service to converge
    #[arg(short, long)]
    detach: bool,
    #[arg(value_name = "SERVICE=REPLICAS", required = true, hide = true)]
    services: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    // All are read before the first is scaled: a slip in the last one changes nothing.
    let wanted = args.services.iter().map(|input| parse(input)).collect::<Result<Vec<_>, _>>()?;
    let mut scaled = Vec::new();
    let mut failed = false;
    for (name, count) in wanted {
        match scale(client, name, count).await {
            Ok(id) => {
                console::line(&format!("{name} scaled to {count}"))?;
                scaled.push(id);
            }
            Err(error @ Error::Connect { .. }) => return Err(error),
            Err(error) => {
                console::note(&format!("{name}: {error}"));
                failed = true;
            }
        }
    }
    if !args.detach {
        for id in &scaled {
            watch::until_converged(client, id, Change::Other, false).await?;
        }
    }
    if failed { Err(Error::Told) } else { Ok(()) }
}

async fn scale(client: &Client, name: &str, count: u64) -> Result<String, Error> {
    let mut service = current(client, name).await?;
    mode::scale(&mut service.spec, count)?;
    write(client, &service, false, None).await?;
    Ok(service.id)
}

fn parse(input: &str) -> Result<(&str, u64), Error> {
    let Some((name, count)) = input.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        return Err(Error::Usage(format!(
            "invalid scale specifier '{input}': SERVICE=REPLICAS is expected, such as web=3\nSee 'shoal service scale --help'"
        )));
    };
    match count.parse() {
        Ok(count) => Ok((name, count)),
        Err(_) => Err(Error::Usage(format!(
            "{name}: invalid replicas value {count}: a number is expected, such as 3"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers() {
        assert_eq!(parse("web=3").unwrap(), ("web", 3));
        assert!(parse("web").unwrap_err().to_string().starts_with("invalid scale specifier 'web'"));
        assert!(parse("=3").is_err());
        assert!(parse("web=x").unwrap_err().to_string().starts_with("web: invalid replicas value x"));
    }
}
