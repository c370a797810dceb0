//! What an additional process is: the container's own, with what was asked for in its place. Pure.

use ::shim::ExecSpec;
use runtime::default;
use runtime::oci::{Process, Spec};

/// The search path of a terminal's kind, as Docker gives it.
const TERMINAL: &str = "TERM=xterm";

/// The process that `exec` describes, in the container of `config`.
pub(crate) fn of_exec(config: &Spec, exec: &ExecSpec) -> Process {
    let mut process = config.process().clone().unwrap_or_default();
    let mut env = process.env().clone().unwrap_or_default();
    if exec.tty && !env.iter().any(|entry| name(entry) == "TERM") {
        env.push(TERMINAL.to_owned());
    }
    replace(&mut env, &exec.env);
    process
        .set_args(Some(exec.args.clone()))
        .set_env(Some(env))
        .set_command_line(None)
        .set_terminal(Some(exec.tty));
    if let Some(cwd) = &exec.cwd {
        process.set_cwd(cwd.clone());
    }
    if let Some(capabilities) = &exec.capabilities {
        process.set_capabilities(Some(default::capability_sets(capabilities)));
    }
    process
}

/// `changes` over `env`: `KEY=value` replaces or is added, `KEY` takes away.
fn replace(env: &mut Vec<String>, changes: &[String]) {
    for change in changes {
        let place = env.iter().position(|entry| name(entry) == name(change));
        match (place, change.contains('=')) {
            (Some(place), true) => env[place].clone_from(change),
            (Some(place), false) => drop(env.remove(place)),
            (None, true) => env.push(change.clone()),
            (None, false) => {}
        }
    }
}

fn name(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Spec {
        let mut process = Process::default();
        process.set_env(Some(vec!["A=1".into(), "B=2".into()])).set_args(Some(vec!["sleep".into()]));
        let mut spec = Spec::default();
        spec.set_process(Some(process));
        spec
    }

    #[test]
    fn variables_are_replaced_added_and_taken_away() {
        let env = |changes: &[&str], tty| {
            let env = changes.iter().map(|c| (*c).to_owned()).collect();
            let exec = ExecSpec { args: vec!["x".into()], env, tty, ..ExecSpec::default() };
            of_exec(&config(), &exec).env().clone().unwrap()
        };
        assert_eq!(env(&[], false), ["A=1", "B=2"]);
        assert_eq!(env(&["B=3", "C=", "A"], false), ["B=3", "C="]);
        assert_eq!(env(&[], true), ["A=1", "B=2", "TERM=xterm"]);
        assert_eq!(env(&["TERM=vt100"], true), ["A=1", "B=2", "TERM=vt100"]);
    }

    #[test]
    fn what_is_not_asked_for_is_the_containers_own() {
        let mut config = config();
        config.process_mut().as_mut().unwrap().set_cwd("/srv".into()).set_no_new_privileges(Some(true));
        let own = config.process().clone().unwrap();
        let exec = ExecSpec { args: vec!["x".into()], ..ExecSpec::default() };
        let process = of_exec(&config, &exec);
        assert_eq!(process.args().as_deref().unwrap(), ["x"]);
        assert_eq!(process.cwd(), own.cwd());
        assert_eq!(process.capabilities(), own.capabilities());
        assert_eq!(process.no_new_privileges(), Some(true));
    }
}
