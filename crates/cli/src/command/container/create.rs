//! `shoal create`, and the part of `shoal run` that makes the container.

use std::io::{IsTerminal, Write};

use engine_api::container::ContainerCreateResponse;

use super::options::Options;
use super::request;
use crate::client::{Client, Request};
use crate::command::image::pull;
use crate::console;
use crate::error::Error;

/// Create a new container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal create [OPTIONS] IMAGE [COMMAND] [ARG...]")]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
}

impl Args {
    /// The image's name.
    pub(crate) fn image(&self) -> &str {
        self.options.image()
    }
}

/// Creates and prints the id.
pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let created = create(client, &args.options).await?;
    console::line(&created)
}

/// Creates the container, with its image pulled if it is missing and may be pulled; gives the id.
pub(super) async fn create(client: &Client, options: &Options) -> Result<String, Error> {
    let body = request::body(options, client.config(), &client.host()).map_err(Error::of_options)?;
    let mut id_file = options.cidfile.as_deref().map(IdFile::create).transpose()?;
    if options.pull == "always" {
        fetch(client, options).await?;
    }
    let request = || {
        Request::post("/containers/create")
            .query_some("name", Some(&options.name))
            .query_some("platform", Some(&options.platform))
            .json(&body)
    };
    let created = match client.json::<ContainerCreateResponse>(request()).await {
        Err(error) if options.pull == "missing" && image_is_missing(&error) => {
            if !options.quiet {
                console::note(&format!("Unable to find image '{}' locally", pull::familiar(options.image())));
            }
            fetch(client, options).await?;
            client.json(request()).await?
        }
        created => created?,
    };
    console::warnings(&created.warnings);
    if let Some(file) = &mut id_file {
        file.write(&created.id)?;
    }
    Ok(created.id)
}

fn image_is_missing(error: &Error) -> bool {
    error.is_not_found() && error.to_string().to_lowercase().contains("no such image")
}

/// Pulls with progress on standard error, since standard output is the container's.
async fn fetch(client: &Client, options: &Options) -> Result<(), Error> {
    let progress = (!options.quiet).then(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    pull::pull(client, options.image(), &options.platform, progress, terminal).await
}

/// The file of `--cidfile`. If no container comes to be, it is removed again; if the program dies before that, an empty
/// file stays, and the next run with the same flag says so.
struct IdFile {
    path: String,
    file: std::fs::File,
    written: bool,
}

impl IdFile {
    fn create(path: &str) -> Result<Self, Error> {
        let opened = std::fs::File::options().write(true).create_new(true).open(path);
        match opened {
            Ok(file) => Ok(Self { path: path.to_owned(), file, written: false }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Error::Usage(format!(
                "container ID file found, make sure the other container isn't running or delete {path}"
            ))),
            Err(source) => Err(Error::File { path: path.to_owned(), source }),
        }
    }

    fn write(&mut self, id: &str) -> Result<(), Error> {
        self.written = true;
        self.file.write_all(id.as_bytes()).map_err(|source| Error::File { path: self.path.clone(), source })
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        if !self.written {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
