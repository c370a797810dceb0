//! Verbs on contexts. They need no daemon: `Scope` is what they work on.

mod create;
mod endpoint;
mod export;
mod import;
mod inspect;
mod list;
mod remove;
mod show;
mod update;
mod r#use;

use clap::Subcommand;

use crate::client::Host;
use crate::config::Config;
use crate::context::{self, Store};
use crate::error::Error;
use crate::global::{Global, Lookup};

/// `shoal context …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a context
    Create(create::Args),
    /// Export a context to a tar archive FILE or a tar stream on STDOUT
    Export(export::Args),
    /// Import a context from a tar or zip file
    Import(import::Args),
    /// Display detailed information on one or more contexts
    Inspect(inspect::Args),
    /// List contexts
    #[command(visible_alias = "list")]
    Ls(list::Args),
    /// Remove one or more contexts
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
    /// Print the name of the current context
    Show(show::Args),
    /// Update a context
    Update(update::Args),
    /// Set the current context
    Use(r#use::Args),
}

/// The stored contexts and which of them is in use.
struct Scope {
    store: Store,
    config: Config,
    current: String,
    /// Where the default context leads.
    default: Host,
    /// The variable that wins over the context in use, if one is set.
    overridden: Option<&'static str>,
}

impl Group {
    /// Does it.
    pub(crate) fn run(self, global: &Global, lookup: Lookup<'_>) -> Result<(), Error> {
        let config = Config::load(global.folder(lookup));
        let mut scope = Scope {
            store: Store::new(config.folder()),
            current: global.context(lookup, &config)?,
            default: global.default_host(lookup)?,
            overridden: ["SHOAL_HOST", "DOCKER_HOST"].into_iter().find(|name| lookup(name).is_some()),
            config,
        };
        match self {
            Self::Create(args) => create::run(args, &scope),
            Self::Export(args) => export::run(args, &scope),
            Self::Import(args) => import::run(args, &scope),
            Self::Inspect(args) => inspect::run(args, &scope),
            Self::Ls(args) => list::run(args, &scope),
            Self::Rm(args) => remove::run(args, &mut scope),
            Self::Show(args) => show::run(args, &scope),
            Self::Update(args) => update::run(args, &scope),
            Self::Use(args) => r#use::run(args, &mut scope),
        }
    }
}

impl Scope {
    /// Refuses a name that is taken or cannot be one.
    fn check_new(&self, name: &str) -> Result<(), Error> {
        context::check_name(name)?;
        if self.store.has(name) {
            return Err(Error::Usage(format!("context \"{name}\" already exists")));
        }
        Ok(())
    }
}
