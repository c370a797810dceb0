//! `exec`: another process in a running container.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use runtime::hook::Hooked;
use runtime::oci::{self, Capability};
use runtime::{ExecOptions, Extra, Stdio};

use crate::arguments::{Flag, Verb, Words, option, switch};
use crate::console;
use crate::container::Container;
use crate::failure::{Failure, Outcome};
use crate::foreground::{Signals, stay};
use crate::global::Global;
use crate::seal::seal;
use crate::state::{Status, replace};

use super::create::{check_open, inherited_streams};

/// A process is no longer described than this.
const MAX_FILE_BYTES: u64 = 4 << 20;

const FLAGS: &[Flag] = &[
    option(&["--process", "-p"], "FILE", "the process as JSON, instead of all options about it"),
    option(&["--cwd"], "DIR", "working directory in the container"),
    option(&["--env", "-e"], "NAME=VALUE", "set a variable; may be repeated"),
    switch(&["--tty", "-t"], "give it a terminal"),
    option(&["--user", "-u"], "UID[:GID]", "user and group, by number or name"),
    option(&["--additional-gids", "-g"], "GID", "another group; may be repeated"),
    option(&["--cap", "-c"], "CAP_X", "another capability; may be repeated"),
    switch(&["--no-new-privs"], "no program gives it more privileges"),
    option(&["--process-label"], "LABEL", "SELinux label"),
    option(&["--apparmor"], "PROFILE", "AppArmor profile"),
    option(&["--cgroup"], "PATH", "an existing cgroup below the container's"),
    switch(&["--detach", "-d"], "return when the program runs"),
    option(&["--console-socket"], "SOCKET", "who is sent the terminal's other side"),
    option(&["--pid-file"], "FILE", "where the process' id is written"),
    option(&["--preserve-fds"], "N", "pass so many open files from number 3 up"),
    switch(&["--ignore-paused"], "wait for a paused container to be resumed"),
];

pub(crate) const VERB: Verb = Verb {
    name: "exec",
    usage: "ID [COMMAND [ARGUMENT…]]",
    about: "run another process in a container",
    flags: FLAGS,
    words: (1, usize::MAX),
    options_end_after: 1,
    run: exec,
};

fn exec(global: &Global, words: &Words) -> Outcome<u8> {
    seal()?;
    let preserve_fds = words.number("--preserve-fds")?.unwrap_or(0);
    check_open(preserve_fds)?;
    let container = Container::find(global, &words.plain[0])?;
    match container.status() {
        Status::Running | Status::Created => {}
        Status::Paused if words.has("--ignore-paused") => {}
        Status::Paused => {
            return Err(Failure::Start(
                "cannot exec in a paused container (use --ignore-paused to override)",
            ));
        }
        Status::Creating | Status::Stopped => {
            return Err(Failure::Start("cannot exec in a container that is not running"));
        }
    }
    let spec = container.spec()?;
    let process = match words.value("--process") {
        Some(file) => read(Path::new(file))?,
        None => from_flags(words, spec.process().as_ref())?,
    };
    let detached = words.has("--detach");
    let terminal = process.terminal() == Some(true);
    let socket = words.value("--console-socket");
    console::check(terminal, detached, socket)?;
    let size = console::size(process.console_size(), detached);
    let signals = (!detached).then(Signals::catch).transpose()?;
    let executed = runtime::exec(ExecOptions {
        init: container.pid()?,
        cgroup: &cgroup(&container, words.value("--cgroup"))?,
        process: &process,
        container: Hooked { spec: &spec, id: &container.id, bundle: &container.state.bundle },
        user: words.value("--user"),
        groups: Vec::new(),
        stdio: if terminal { Stdio::Console { size } } else { inherited_streams()? },
        die_with_parent: !detached,
        extra: Extra { preserve_fds, ..Extra::default() },
    })?
    .wait()?;
    if let (Some(console), Some(socket)) = (&executed.console, socket) {
        console::send(Path::new(socket), console.as_fd())?;
    }
    if let Some(file) = words.value("--pid-file") {
        replace(Path::new(file), executed.pid.to_string().as_bytes())?;
    }
    match signals {
        Some(signals) => stay(executed.pid, &signals, executed.console.as_ref()),
        None => Ok(0),
    }
}

fn read(file: &Path) -> Outcome<oci::Process> {
    let mut text = Vec::new();
    let opened = File::open(file).map_err(Failure::file(file))?;
    opened.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(Failure::file(file))?;
    serde_json::from_slice(&text).map_err(|error| Failure::file(file)(error.into()))
}

/// The container's own process, but for what the options say.
fn from_flags(words: &Words, own: Option<&oci::Process>) -> Outcome<oci::Process> {
    let mut process = own.cloned().unwrap_or_default();
    let command = &words.plain[1..];
    if command.is_empty() {
        return Err(Failure::Usage("exec needs a command, or --process".to_owned()));
    }
    process.set_args(Some(command.to_vec())).set_terminal(Some(words.has("--tty"))).set_console_size(None);
    let mut env = process.env().clone().unwrap_or_default();
    env.extend(words.values("--env").map(str::to_owned));
    process.set_env(Some(env));
    if let Some(directory) = words.value("--cwd") {
        process.set_cwd(PathBuf::from(directory));
    }
    if words.has("--no-new-privs") {
        process.set_no_new_privileges(Some(true));
    }
    if let Some(label) = words.value("--process-label") {
        process.set_selinux_label(Some(label.to_owned()));
    }
    if let Some(profile) = words.value("--apparmor") {
        process.set_apparmor_profile(Some(profile.to_owned()));
    }
    add_groups(words, &mut process)?;
    add_capabilities(words, &mut process)?;
    Ok(process)
}

fn add_groups(words: &Words, process: &mut oci::Process) -> Outcome<()> {
    let mut user = process.user().clone();
    let mut groups = user.additional_gids().clone().unwrap_or_default();
    for gid in words.values("--additional-gids") {
        let gid = gid.parse().map_err(|_| Failure::Usage(format!("{gid:?} is not a group's number")))?;
        groups.push(gid);
    }
    user.set_additional_gids(Some(groups));
    process.set_user(user);
    Ok(())
}

/// Bounding, effective and permitted: what is inheritable would outlive a change of user.
fn add_capabilities(words: &Words, process: &mut oci::Process) -> Outcome<()> {
    let mut more = oci::Capabilities::new();
    for name in words.values("--cap") {
        let known: Result<Capability, _> = serde_json::from_value(name.into());
        more.insert(known.map_err(|_| Failure::Usage(format!("unknown capability {name:?}")))?);
    }
    if more.is_empty() {
        return Ok(());
    }
    let mut sets = process.capabilities().clone().unwrap_or_default();
    let with = |set: &Option<oci::Capabilities>| Some(set.iter().flatten().chain(&more).copied().collect());
    let (bounding, effective, permitted) =
        (with(sets.bounding()), with(sets.effective()), with(sets.permitted()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    process.set_capabilities(Some(sets));
    Ok(())
}

/// The container's cgroup, or one below it that is there.
fn cgroup(container: &Container, below: Option<&str>) -> Outcome<runtime::cgroup::Cgroup> {
    let Some(below) = below else {
        return container.state.cgroup();
    };
    let path = container.state.cgroup.join(below.trim_start_matches('/'));
    let cgroup = runtime::cgroup::detect()?.cgroup(&path)?;
    if cgroup.exists() { Ok(cgroup) } else { Err(Failure::Usage(format!("there is no cgroup {below:?}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(line: &str) -> Outcome<oci::Process> {
        let words = Words::read(&mut line.split(' ').map(str::to_owned), FLAGS, 1)?;
        let own = oci::Process::default();
        from_flags(&words, Some(&own))
    }

    #[test]
    fn options_change_the_containers_own_process() {
        let process = process("-t -e A=1 --env B=2 --cwd /tmp -g 5 -c CAP_SYS_ADMIN id ls -e x").unwrap();
        assert_eq!(process.args().as_ref().unwrap(), &["ls", "-e", "x"]);
        assert_eq!(process.terminal(), Some(true));
        assert_eq!(process.cwd(), Path::new("/tmp"));
        let env = process.env().as_ref().unwrap();
        assert!(env.ends_with(&["A=1".to_owned(), "B=2".to_owned()]));
        assert_eq!(process.user().additional_gids().as_ref().unwrap(), &[5]);
        let bounding = process.capabilities().as_ref().unwrap().bounding();
        assert!(bounding.as_ref().unwrap().contains(&Capability::SysAdmin));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["id", "-g many id ls", "-c CAP_NOSUCH id ls"] {
            assert!(process(line).is_err(), "{line}");
        }
    }
}
