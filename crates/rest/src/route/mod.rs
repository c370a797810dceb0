//! The routes of the API, by area; each area adds its own to the table.

mod absent;
mod container;
mod event;
mod firewall;
pub(crate) mod image;
mod missing;
mod network;
mod registry;
mod swarm;
mod system;
mod usage;
mod volume;

use crate::http::table::Table;

/// Every route of the API's definition.
pub(crate) fn table() -> Table {
    let mut table = Table::default();
    system::routes(&mut table);
    usage::routes(&mut table);
    event::routes(&mut table);
    container::routes(&mut table);
    image::routes(&mut table);
    registry::routes(&mut table);
    network::routes(&mut table);
    firewall::routes(&mut table);
    volume::routes(&mut table);
    swarm::routes(&mut table);
    absent::routes(&mut table);
    missing::routes(&mut table);
    table
}
