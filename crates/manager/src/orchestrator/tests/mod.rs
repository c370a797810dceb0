//! The orchestrator against a simulated world.

mod chance;
mod mode;
mod update;
mod upkeep;
mod world;
