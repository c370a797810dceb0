//! One additional process in the container, from its clone to its exit code.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use ::shim::{ExecSpec, ExecState, ExitStatus};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::cgroup::Cgroup;
use runtime::hook::Hooked;
use runtime::oci::Spec;
use runtime::{Console, ExecOptions, Executing, Extra, Progress};

use crate::create::directory;
use crate::foreign::{Foreign, Starting};
use crate::input::Input;
use crate::log::Stream;
use crate::output::{Output, set_nonblocking};
use crate::{Failure, process, streams};

/// An additional process, its streams, and how far it has come.
pub(crate) struct Exec {
    pub(crate) spec: ExecSpec,
    /// Names it to its connection.
    pub(crate) number: u32,
    pub(crate) pid: i32,
    /// It probes the container's health: no client, and the prober gets what it says.
    pub(crate) is_probe: bool,
    /// Until its program runs.
    pub(crate) executing: Option<Setup>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) input: Input,
    pub(crate) exit: Option<ExitStatus>,
    /// When it ended; its output may still be on its way.
    pub(crate) ended_at: Option<Instant>,
    console: Option<Console>,
}

/// A program that does not run yet.
pub(crate) enum Setup {
    Own(Executing),
    /// Another runtime has been called.
    Foreign(Box<Starting>),
}

/// The container in which it runs.
pub(crate) struct Place<'a> {
    /// Who made it, if not we.
    pub(crate) foreign: Option<&'a Foreign>,
    pub(crate) id: &'a str,
    pub(crate) init: i32,
    pub(crate) cgroup: &'a Cgroup,
    /// Who the container's own program is.
    pub(crate) user: Option<&'a str>,
}

impl Exec {
    /// Clones it; what becomes of it [`Exec::advance`] tells.
    pub(crate) fn begin(spec: ExecSpec, number: u32, place: &Place<'_>) -> Result<Exec, Failure> {
        let bytes = fs::read(::shim::CONFIG_FILE).map_err(|e| Failure::File(::shim::CONFIG_FILE, e))?;
        let config: Spec =
            serde_json::from_slice(&bytes).map_err(|e| Failure::File(::shim::CONFIG_FILE, e.into()))?;
        let process = process::of_exec(&config, &spec);
        let streams =
            if spec.tty { streams::terminal(spec.console_size) } else { streams::pipes(spec.stdin)? };
        let user = spec.user.as_deref().or(place.user);
        let (pid, setup) = if let Some(foreign) = place.foreign {
            let starting = foreign.exec(process, user, number, streams.stdio)?;
            (starting.call(), Setup::Foreign(Box::new(starting)))
        } else {
            let executing = runtime::exec(ExecOptions {
                init: place.init,
                cgroup: place.cgroup,
                process: &process,
                container: Hooked { spec: &config, id: place.id, bundle: &directory()? },
                user,
                groups: runtime::group_names(&config),
                stdio: streams.stdio,
                die_with_parent: true,
                extra: Extra::default(),
            })?;
            (executing.pid(), Setup::Own(executing))
        };
        Ok(Exec {
            spec,
            number,
            is_probe: false,
            pid,
            executing: Some(setup),
            outputs: streams.outputs,
            input: Input::new(streams.input),
            exit: None,
            ended_at: None,
            console: None,
        })
    }

    /// Hears what there is to hear; true: the program runs.
    pub(crate) fn advance(&mut self, foreign: Option<&Foreign>) -> Result<bool, Failure> {
        match (&mut self.executing, foreign) {
            (Some(Setup::Own(executing)), _) => match executing.advance()? {
                Progress::Running => {
                    self.executing = None;
                    Ok(true)
                }
                Progress::Decided => Ok(false),
                Progress::Console(console) => self.show(console).map(|()| false),
            },
            (Some(Setup::Foreign(starting)), Some(foreign)) => match foreign.started(starting)? {
                None => Ok(false),
                Some(started) => {
                    self.pid = started.pid;
                    self.executing = None;
                    started.console.map_or(Ok(()), |console| self.show(console))?;
                    Ok(true)
                }
            },
            (Some(Setup::Foreign(_)) | None, _) => Ok(false),
        }
    }

    /// The call of another runtime that is under way.
    pub(crate) fn starting(&mut self) -> Option<&mut Starting> {
        match &mut self.executing {
            Some(Setup::Foreign(starting)) => Some(starting),
            Some(Setup::Own(_)) | None => None,
        }
    }

    /// Whether its number is its own: it has one, and was not reaped yet.
    pub(crate) fn is_known(&self) -> bool {
        self.exit.is_none() && !matches!(self.executing, Some(Setup::Foreign(_)))
    }

    /// Kills it, or the call of another runtime that is to start it.
    pub(crate) fn kill(&mut self) {
        match &mut self.executing {
            Some(Setup::Foreign(starting)) => starting.give_up(),
            Some(Setup::Own(_)) | None if self.exit.is_none() => {
                // Not reaped yet, so that the number is still its own. That it is dead already is as good.
                let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
            }
            Some(Setup::Own(_)) | None => {}
        }
    }

    /// How long another runtime may still take.
    pub(crate) fn patience(&self) -> Option<Instant> {
        match &self.executing {
            Some(Setup::Foreign(starting)) => Some(starting.deadline()),
            Some(Setup::Own(_)) | None => None,
        }
    }

    /// What to wait at until the program runs.
    pub(crate) fn setup_fd(&self) -> Option<BorrowedFd<'_>> {
        match self.executing.as_ref()? {
            Setup::Own(executing) => Some(executing.as_fd()),
            Setup::Foreign(starting) => starting.waiting(),
        }
    }

    /// Serves its terminal.
    fn show(&mut self, console: Console) -> Result<(), Failure> {
        let failed = |error| Failure::File("console", error);
        set_nonblocking(&console).map_err(failed)?;
        self.outputs.push(Output::new(console.try_clone().map_err(failed)?, Stream::Stdout));
        if self.spec.stdin {
            self.input = Input::new(Some(console.try_clone().map_err(failed)?));
        }
        self.console = Some(console);
        Ok(())
    }

    /// The client has closed its side of standard input. A terminal's stays open: its end is a character.
    pub(crate) fn end_of_input(&mut self) {
        if !self.spec.tty {
            self.input.close();
        }
    }

    /// Sets the size of its terminal; false: it has none.
    pub(crate) fn resize(&self, rows: u16, cols: u16) -> bool {
        self.console.as_ref().is_some_and(|console| runtime::resize_console(console, rows, cols).is_ok())
    }

    /// It has ended, and has been reaped.
    pub(crate) fn end(&mut self, exit: ExitStatus) {
        self.exit = Some(exit);
        self.ended_at = Some(Instant::now());
        self.input = Input::default();
    }

    pub(crate) fn state(&self) -> ExecState {
        ExecState { id: self.spec.id.clone(), pid: self.pid, exit: self.exit }
    }
}
