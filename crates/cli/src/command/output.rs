//! Where verbs write what the daemon sends: a file, or standard output.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::client::Answer;
use crate::console;
use crate::error::Error;

/// Refuses what could not be written in the end, before the daemon does any work.
pub(super) fn check(path: &str) -> Result<(), Error> {
    let invalid = |reason: String| Error::Usage(format!("invalid output path: {reason}"));
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        return Err(invalid(format!("directory \"{}\" does not exist", folder.display())));
    }
    let kind = std::fs::metadata(path).map(|found| found.file_type());
    if kind.is_ok_and(|kind| kind.is_block_device() || kind.is_char_device()) {
        return Err(invalid(format!("\"{path}\" must be a directory or a regular file: got a device")));
    }
    Ok(())
}

/// Refuses an archive's way out that could not be taken in the end; `path` is "" for standard output, and `verb` what is to be
/// done ("save image").
pub(super) fn check_archive(path: &str, verb: &str) -> Result<(), Error> {
    if path.is_empty() {
        if console::is_terminal() {
            let text = "cowardly refusing to save to a terminal. Use the -o flag or redirect";
            return Err(Error::Usage(text.to_owned()));
        }
        return Ok(());
    }
    check(path).map_err(|error| Error::Usage(format!("failed to {verb}: {error}")))
}

/// Copies an archive to where [`check_archive`] said it may go.
pub(super) async fn archive(answer: Answer, path: &str) -> Result<(), Error> {
    match path {
        "" => copy(answer, &mut tokio::io::stdout()).await,
        file => save(answer, Path::new(file)).await,
    }
}

/// Copies the body.
pub(super) async fn copy(mut answer: Answer, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Error> {
    while let Some(data) = answer.chunk().await? {
        to.write_all(&data).await?;
    }
    Ok(to.flush().await?)
}

/// Copies the body into a file that stands at `path` only when it is whole. What if the program dies right here: a hidden
/// file with our name and number stays beside it.
pub(super) async fn save(answer: Answer, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.display().to_string(), source };
    if path.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.shoal-{}", std::process::id()));
    let mut file = tokio::fs::File::create_new(&draft).await.map_err(failed)?;
    let copied = copy(answer, &mut file).await;
    let done = match copied {
        Ok(()) => std::fs::rename(&draft, path).map_err(failed),
        Err(error) => Err(error),
    };
    if done.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    done
}
