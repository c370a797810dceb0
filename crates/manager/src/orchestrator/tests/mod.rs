//! The orchestrator against a simulated world.

mod chance;
mod leave;
mod mode;
mod reads;
mod update;
mod upkeep;
mod whole;
mod world;
