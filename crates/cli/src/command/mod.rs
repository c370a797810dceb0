//! The verbs. Each file holds one: its arguments, and what it does with the daemon.
//!
//! `Verb` is the tree of commands; a verb may stand at the top and in its group (`shoal ps`, `shoal container ls`).

mod checkpoint;
mod confirm;
pub(crate) mod container;
mod context;
mod each;
mod file;
mod firewall;
mod image;
mod listing;
mod mount;
mod network;
mod node;
mod output;
mod prune;
mod registry;
mod service;
mod swarm;
mod system;
mod volume;

use clap::Subcommand;

use crate::client::Client;
use crate::error::Error;

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create and run a new container from an image
    Run(Box<container::run::Args>),
    /// Execute a command in a running container
    Exec(container::exec::Args),
    /// List containers
    Ps(container::list::Args),
    /// Download an image from a registry
    Pull(image::pull::Args),
    /// Upload an image to a registry
    Push(image::push::Args),
    /// List images
    Images(image::list::Args),
    /// Show the shoal version information
    Version(system::version::Args),
    /// Display system-wide information
    Info(system::info::Args),
    /// Manage containers
    #[command(override_usage = "shoal container COMMAND")]
    Container {
        #[command(subcommand)]
        verb: container::Group,
    },
    /// Manage checkpoints
    #[command(override_usage = "shoal checkpoint COMMAND")]
    Checkpoint {
        #[command(subcommand)]
        verb: checkpoint::Group,
    },
    /// Manage contexts
    #[command(override_usage = "shoal context COMMAND")]
    Context {
        #[command(subcommand)]
        verb: context::Group,
    },
    /// Show which firewall rules of other programs stand between the outside and containers
    Firewall(firewall::Args),
    /// Manage networks
    #[command(override_usage = "shoal network COMMAND")]
    Network {
        #[command(subcommand)]
        verb: network::Group,
    },
    /// Manage volumes
    #[command(override_usage = "shoal volume COMMAND")]
    Volume {
        #[command(subcommand)]
        verb: volume::Group,
    },
    /// Manage images
    #[command(override_usage = "shoal image COMMAND")]
    Image {
        #[command(subcommand)]
        verb: image::Group,
    },
    /// Manage the engine
    #[command(override_usage = "shoal system COMMAND")]
    System {
        #[command(subcommand)]
        verb: system::Group,
    },
    /// Manage Swarm configs
    #[command(override_usage = "shoal config COMMAND")]
    Config {
        #[command(subcommand)]
        verb: file::ConfigGroup,
    },
    /// Manage Swarm secrets
    #[command(override_usage = "shoal secret COMMAND")]
    Secret {
        #[command(subcommand)]
        verb: file::SecretGroup,
    },
    /// Manage swarm nodes
    #[command(override_usage = "shoal node COMMAND")]
    Node {
        #[command(subcommand)]
        verb: node::Group,
    },
    /// Manage swarm services
    #[command(override_usage = "shoal service COMMAND")]
    Service {
        #[command(subcommand)]
        verb: service::Group,
    },
    /// Manage swarm
    #[command(override_usage = "shoal swarm COMMAND")]
    Swarm {
        #[command(subcommand)]
        verb: swarm::Group,
    },
    /// Attach local standard input, output, and error streams to a running container
    Attach(container::attach::Args),
    /// Create a new image from a container's changes
    Commit(container::commit::Args),
    /// Copy files/folders between a container and the local filesystem
    Cp(container::copy::Args),
    /// Create a new container
    Create(Box<container::create::Args>),
    /// Inspect changes to files or directories on a container's filesystem
    Diff(container::diff::Args),
    /// Get real time events from the server
    Events(system::events::Args),
    /// Export a container's filesystem as a tar archive
    Export(container::export::Args),
    /// Show the history of an image
    History(image::history::Args),
    /// Import the contents from a tarball to create a filesystem image
    Import(image::import::Args),
    /// Return low-level information on objects
    Inspect(system::inspect::Args),
    /// Kill one or more running containers
    Kill(container::kill::Args),
    /// Load an image from a tar archive or STDIN
    Load(image::load::Args),
    /// Authenticate to a registry
    Login(registry::login::Args),
    /// Log out from a registry
    Logout(registry::logout::Args),
    /// Fetch the logs of a container
    Logs(container::logs::Args),
    /// Pause all processes within one or more containers
    Pause(container::pause::Args),
    /// List port mappings or a specific mapping for the container
    Port(container::port::Args),
    /// Rename a container
    Rename(container::rename::Args),
    /// Restart one or more containers
    Restart(container::restart::Args),
    /// Remove one or more containers
    #[command(visible_alias = "remove")]
    Rm(container::remove::Args),
    /// Remove one or more images
    Rmi(image::remove::Args),
    /// Save one or more images to a tar archive (streamed to STDOUT by default)
    Save(image::save::Args),
    /// Search Docker Hub for images
    Search(registry::search::Args),
    /// Start one or more stopped containers
    Start(container::start::Args),
    /// Display a live stream of container(s) resource usage statistics
    Stats(container::stats::Args),
    /// Stop one or more running containers
    Stop(container::stop::Args),
    /// Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
    Tag(image::tag::Args),
    /// Display the running processes of a container
    Top(container::top::Args),
    /// Unpause all processes within one or more containers
    Unpause(container::unpause::Args),
    /// Update configuration of one or more containers
    Update(container::update::Args),
    /// Block until one or more containers stop, then print their exit codes
    Wait(container::wait::Args),
}

impl Verb {
    /// Does it; gives the exit code.
    pub(crate) async fn run(self, client: &Client) -> Result<u8, Error> {
        // A verb at the top is the same as the one in its group.
        match self {
            Self::Run(args) => container::Group::Run(args).run(client).await,
            Self::Create(args) => container::Group::Create(args).run(client).await,
            Self::Ps(args) => container::Group::Ls(args).run(client).await,
            Self::Attach(args) => container::Group::Attach(args).run(client).await,
            Self::Kill(args) => container::Group::Kill(args).run(client).await,
            Self::Logs(args) => container::Group::Logs(args).run(client).await,
            Self::Port(args) => container::Group::Port(args).run(client).await,
            Self::Restart(args) => container::Group::Restart(args).run(client).await,
            Self::Rm(args) => container::Group::Rm(args).run(client).await,
            Self::Start(args) => container::Group::Start(args).run(client).await,
            Self::Stop(args) => container::Group::Stop(args).run(client).await,
            Self::Wait(args) => container::Group::Wait(args).run(client).await,
            Self::Commit(args) => container::Group::Commit(args).run(client).await,
            Self::Cp(args) => container::Group::Cp(args).run(client).await,
            Self::Diff(args) => container::Group::Diff(args).run(client).await,
            Self::Exec(args) => container::Group::Exec(args).run(client).await,
            Self::Export(args) => container::Group::Export(args).run(client).await,
            Self::Pause(args) => container::Group::Pause(args).run(client).await,
            Self::Rename(args) => container::Group::Rename(args).run(client).await,
            Self::Stats(args) => container::Group::Stats(args).run(client).await,
            Self::Top(args) => container::Group::Top(args).run(client).await,
            Self::Unpause(args) => container::Group::Unpause(args).run(client).await,
            Self::Update(args) => container::Group::Update(args).run(client).await,
            Self::Pull(args) => image::Group::Pull(args).run(client).await,
            Self::Push(args) => image::Group::Push(args).run(client).await,
            Self::Images(args) => image::Group::Ls(args).run(client).await,
            Self::History(args) => image::Group::History(args).run(client).await,
            Self::Import(args) => image::Group::Import(args).run(client).await,
            Self::Load(args) => image::Group::Load(args).run(client).await,
            Self::Rmi(args) => image::Group::Rm(args).run(client).await,
            Self::Save(args) => image::Group::Save(args).run(client).await,
            Self::Tag(args) => image::Group::Tag(args).run(client).await,
            Self::Login(args) => registry::login::run(args, client).await.map(|()| 0),
            Self::Logout(args) => registry::logout::run(args, client).await.map(|()| 0),
            Self::Search(args) => registry::search::run(args, client).await.map(|()| 0),
            Self::Info(args) => system::Group::Info(args).run(client).await,
            Self::Events(args) => system::Group::Events(args).run(client).await,
            Self::Version(args) => system::version::run(args, client).await.map(|()| 0),
            Self::Inspect(args) => system::inspect::run(args, client).await.map(|()| 0),
            Self::Container { verb } => verb.run(client).await,
            Self::Image { verb } => verb.run(client).await,
            Self::Checkpoint { verb } => verb.run(client).await.map(|()| 0),
            // Needs no client: done before there is one.
            Self::Context { .. } => Ok(0),
            Self::Firewall(args) => firewall::run(args, client).await.map(|()| 0),
            Self::Network { verb } => verb.run(client).await.map(|()| 0),
            Self::Volume { verb } => verb.run(client).await.map(|()| 0),
            Self::System { verb } => verb.run(client).await,
            Self::Config { verb } => verb.run(client).await.map(|()| 0),
            Self::Secret { verb } => verb.run(client).await.map(|()| 0),
            Self::Node { verb } => verb.run(client).await.map(|()| 0),
            Self::Service { verb } => verb.run(client).await.map(|()| 0),
            Self::Swarm { verb } => verb.run(client).await.map(|()| 0),
        }
    }

    /// `run` and `create` fail with exit codes and words of their own.
    pub(crate) fn run_name(&self) -> Option<&'static str> {
        match self {
            Self::Run(_) | Self::Container { verb: container::Group::Run(_) } => Some("run"),
            Self::Create(_) | Self::Container { verb: container::Group::Create(_) } => Some("create"),
            _ => None,
        }
    }

    /// Where the words after the image are the container's, a flag that nobody knows before the image is taken for the
    /// image; it is told apart here.
    pub(crate) fn stray_flag(&self) -> Option<&str> {
        let image = match self {
            Self::Run(args) | Self::Container { verb: container::Group::Run(args) } => args.image(),
            Self::Create(args) | Self::Container { verb: container::Group::Create(args) } => args.image(),
            Self::Service { verb: service::Group::Create(args) } => args.image(),
            Self::Exec(args) | Self::Container { verb: container::Group::Exec(args) } => args.container(),
            _ => return None,
        };
        Some(image).filter(|image| image.starts_with('-'))
    }
}
