//! One additional process in the container, from its clone to its exit code.

use std::fs;
use std::time::Instant;

use ::shim::{ExecSpec, ExecState, ExitStatus};
use runtime::cgroup::Cgroup;
use runtime::hook::Hooked;
use runtime::oci::Spec;
use runtime::{Console, ExecOptions, Executing, Extra, Progress};

use crate::create::directory;
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
    pub(crate) executing: Option<Executing>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) input: Input,
    pub(crate) exit: Option<ExitStatus>,
    /// When it ended; its output may still be on its way.
    pub(crate) ended_at: Option<Instant>,
    console: Option<Console>,
}

/// The container in which it runs.
pub(crate) struct Place<'a> {
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
        let executing = runtime::exec(ExecOptions {
            init: place.init,
            cgroup: place.cgroup,
            process: &process,
            container: Hooked { spec: &config, id: place.id, bundle: &directory()? },
            user: spec.user.as_deref().or(place.user),
            groups: runtime::group_names(&config),
            stdio: streams.stdio,
            die_with_parent: true,
            extra: Extra::default(),
        })?;
        Ok(Exec {
            spec,
            number,
            is_probe: false,
            pid: executing.pid(),
            executing: Some(executing),
            outputs: streams.outputs,
            input: Input::new(streams.input),
            exit: None,
            ended_at: None,
            console: None,
        })
    }

    /// Hears what there is to hear; true: the program runs.
    pub(crate) fn advance(&mut self) -> Result<bool, Failure> {
        let Some(executing) = &mut self.executing else {
            return Ok(false);
        };
        match executing.advance()? {
            Progress::Running => {
                self.executing = None;
                Ok(true)
            }
            Progress::Decided => Ok(false),
            Progress::Console(console) => {
                let failed = |error| Failure::File("console", error);
                set_nonblocking(&console).map_err(failed)?;
                self.outputs.push(Output::new(console.try_clone().map_err(failed)?, Stream::Stdout));
                if self.spec.stdin {
                    self.input = Input::new(Some(console.try_clone().map_err(failed)?));
                }
                self.console = Some(console);
                Ok(false)
            }
        }
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
