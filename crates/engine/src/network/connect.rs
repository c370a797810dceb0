//! Connecting a container to a network and disconnecting it: asked here, done by the container's task.

use super::Networks;
use crate::container::Command;
use crate::error::{Error, Result};
use crate::spec::EndpointSpec;

impl Networks {
    /// Puts a container on a network: at once if it runs, else from its next start on.
    ///
    /// # Errors
    /// If one of them does not exist, the container is on it already, or it cannot have what `wanted` asks for.
    pub async fn connect(&self, network: &str, container: &str, wanted: EndpointSpec) -> Result<()> {
        self.containers.inspect(container)?;
        let network = self.inspect(network).await?;
        let (network, wanted) = (Box::new(network), Box::new(wanted));
        self.containers.call(container, |reply| Command::Connect { network, wanted, reply }).await
    }

    /// Takes a container off a network. With `force` one that does not know its network any more is made to forget it.
    ///
    /// # Errors
    /// If one of them does not exist, or the container is not on it.
    pub async fn disconnect(&self, network: &str, container: &str, force: bool) -> Result<()> {
        let found = self.inspect(network).await;
        let record = match self.containers.inspect(container) {
            Ok(record) => record,
            Err(_) if force => {
                found?;
                return Err(Error::NoSuchEndpoint(container.to_owned()));
            }
            Err(error) => return Err(error),
        };
        let found = match found {
            Ok(found) => Some(Box::new(found)),
            // A network that is gone can still be in the configuration of a container that does not run.
            Err(_) if force || record.state.pid == 0 => None,
            Err(error) => return Err(error),
        };
        let name = found.as_ref().map_or_else(|| network.to_owned(), |network| network.name.clone());
        let command = |reply| Command::Disconnect { name, network: found, reply };
        self.containers.call(&record.id, command).await
    }
}
