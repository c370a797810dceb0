//! The standard streams of a process: the ends that it gets, and those that stay here.

use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use runtime::Stdio;

use crate::log::Stream;
use crate::output::{Output, set_nonblocking};
use crate::{Failure, setup};

/// Both ends.
pub(crate) struct Streams {
    pub(crate) stdio: Stdio,
    pub(crate) outputs: Vec<Output>,
    pub(crate) input: Option<OwnedFd>,
}

/// Pipes, with `/dev/null` in place of a standard input that nobody wants.
pub(crate) fn pipes(open_stdin: bool) -> Result<Streams, Failure> {
    let failed = |error: nix::Error| Failure::File("pipe", error.into());
    let (out_reader, stdout) = pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let (err_reader, stderr) = pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let (stdin, input) = if open_stdin {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
        (reader, Some(writer))
    } else {
        (setup::null()?, None)
    };
    for end in [&out_reader, &err_reader].into_iter().chain(&input) {
        set_nonblocking(end).map_err(|error| Failure::File("pipe", error))?;
    }
    Ok(Streams {
        stdio: Stdio::Fds { stdin, stdout, stderr },
        outputs: vec![Output::new(out_reader, Stream::Stdout), Output::new(err_reader, Stream::Stderr)],
        input,
    })
}

/// A pseudo-terminal, whose end here comes later.
pub(crate) fn terminal(size: Option<(u16, u16)>) -> Streams {
    Streams { stdio: Stdio::Console { size }, outputs: Vec::new(), input: None }
}
