//! `shoal port`.

use engine_api::container::PortBinding;

use crate::client::Client;
use crate::console;
use crate::error::Error;
use crate::flag::port;

/// List port mappings or a specific mapping for the container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal port CONTAINER [PRIVATE_PORT[/PROTO]]")]
pub(crate) struct Args {
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
    #[arg(value_name = "PRIVATE_PORT", hide = true)]
    private: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let wanted =
        args.private.as_deref().map(port::exposed).transpose()?.and_then(|ports| ports.into_iter().next());
    let found = super::attach::inspect(client, &args.container).await?;
    let ports = &found.network_settings.ports;
    if let Some(wanted) = wanted {
        let bindings = ports.get(&wanted).and_then(Option::as_ref).filter(|bindings| !bindings.is_empty());
        let Some(bindings) = bindings else {
            return Err(Error::Usage(format!("no public port '{wanted}' published for {}", args.container)));
        };
        return bindings.iter().try_for_each(|binding| console::line(&address(binding)));
    }
    for (private, bindings) in ports {
        for binding in bindings.iter().flatten() {
            console::line(&format!("{private} -> {}", address(binding)))?;
        }
    }
    Ok(())
}

fn address(binding: &PortBinding) -> String {
    if binding.host_ip.contains(':') {
        format!("[{}]:{}", binding.host_ip, binding.host_port)
    } else {
        format!("{}:{}", binding.host_ip, binding.host_port)
    }
}
