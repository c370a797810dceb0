//! runtime.md: state, lifecycle and operations.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::case::{Case, Failed, Runtime, ensure, eventually};
use crate::{Rule, rule};

const WAIT: &str = "echo ran > /tmp/ran; sleep 60";

pub(crate) const RULES: &[Rule] = &[
    rule("every operation without an id is an error", an_id_is_needed),
    rule("every operation on an unknown container is an error", the_unknown_is_an_error),
    rule("create does not run the program", create_does_not_run),
    rule("an id is unique, and a second create changes nothing", an_id_is_unique),
    rule("what cannot be applied is an error of create, and no container", what_fails_leaves_nothing),
    rule("changes of config.json after create have no effect", the_configuration_is_fixed),
    rule("state has version, id, status, pid, absolute bundle and annotations", the_state_is_complete),
    rule("start runs the program", start_runs),
    rule("start of what is not created is an error without effect", start_works_once),
    rule("start without a process is an error", start_needs_a_process),
    rule("kill sends the signal to the process", kill_sends),
    rule("kill also reaches a created container", kill_reaches_the_created),
    rule("kill of what has stopped is an error", kill_needs_the_living),
    rule("delete of what has not stopped is an error without effect", delete_needs_the_dead),
    rule("delete undoes create, and only that", delete_undoes_create),
    rule("a deleted id may be used again", an_id_may_return),
    rule("an id is a name, not a path", an_id_is_no_path),
];

fn an_id_is_needed(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    for verb in ["state", "create", "start", "kill", "delete"] {
        let said = case.call(&[verb]);
        ensure(!said.ok(), || format!("{verb}: {said:?}"))?;
    }
    Ok(())
}

fn the_unknown_is_an_error(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    for verb in ["state", "start", "kill", "delete"] {
        let said = case.call(&[verb, &case.id]);
        ensure(!said.ok() && !said.err.is_empty(), || format!("{verb}: {said:?}"))?;
    }
    Ok(())
}

fn create_does_not_run(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    case.must_create()?;
    ensure(case.status().as_deref() == Some("created"), || format!("{:?}", case.state()))?;
    ensure(!case.inside("tmp/ran").exists(), || "it ran".to_owned())
}

fn an_id_is_unique(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    case.must_create()?;
    let before = case.state();
    ensure(!case.create().ok(), || "created twice".to_owned())?;
    ensure(case.state() == before, || format!("{before:?} became {:?}", case.state()))
}

fn what_fails_leaves_nothing(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, WAIT);
    let mount = json!({"destination": "/x", "type": "bind", "source": "/no/such/place", "options": ["bind"]});
    case.config["mounts"].as_array_mut().unwrap().push(mount);
    case.is_refused()?;
    let mut case = Case::new(runtime, WAIT);
    case.config["root"]["path"] = json!("no-such-root");
    case.is_refused()?;
    let mut case = Case::new(runtime, WAIT);
    case.config["ociVersion"] = json!("");
    case.is_refused().or(Ok(()))
}

fn the_configuration_is_fixed(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    case.must_create()?;
    fs::write(case.path("config.json"), "{}").unwrap();
    case.must(&["start", &case.id])?;
    eventually("it runs", || case.inside("tmp/ran").exists())
}

fn the_state_is_complete(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, WAIT);
    case.config["annotations"] = json!({"org.example.key": "value"});
    case.must_create()?;
    let state = case.state().ok_or_else(|| Failed("no state".to_owned()))?;
    let bundle = state["bundle"].as_str().unwrap_or_default();
    let pid = state["pid"].as_i64().unwrap_or_default();
    ensure(state["ociVersion"].as_str().is_some_and(|version| version.starts_with("1.")), || {
        state.to_string()
    })?;
    ensure(state["id"] == case.id.as_str() && Path::new(bundle) == case.path(""), || state.to_string())?;
    ensure(Path::new(&format!("/proc/{pid}")).exists(), || state.to_string())?;
    ensure(state["annotations"]["org.example.key"] == "value", || state.to_string())
}

fn start_runs(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    case.must_create()?;
    case.must(&["start", &case.id])?;
    eventually("it runs", || case.inside("tmp/ran").exists())?;
    ensure(case.status().as_deref() == Some("running"), || format!("{:?}", case.state()))
}

fn start_works_once(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    case.must_create()?;
    case.must(&["start", &case.id])?;
    ensure(!case.call(&["start", &case.id]).ok(), || "started twice".to_owned())?;
    ensure(case.status().as_deref() == Some("running"), || "it did not stay running".to_owned())?;
    case.must(&["kill", &case.id, "KILL"])?;
    case.wait_until("stopped")?;
    ensure(!case.call(&["start", &case.id]).ok(), || "started after its end".to_owned())
}

/// Where that error comes is left open: runtimes may refuse to create.
fn start_needs_a_process(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, WAIT);
    case.config.as_object_mut().unwrap().remove("process");
    let started = case.create().ok() && case.call(&["start", &case.id]).ok();
    ensure(!started, || "it was started".to_owned())
}

fn kill_sends(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(
        runtime,
        "trap 'echo heard > /tmp/heard; exit' USR1; touch /tmp/ready; while :; do sleep 0.01; done",
    );
    case.must_create()?;
    case.must(&["start", &case.id])?;
    eventually("it listens", || case.inside("tmp/ready").exists())?;
    case.must(&["kill", &case.id, "USR1"])?;
    eventually("it heard", || case.inside("tmp/heard").exists())?;
    case.wait_until("stopped")
}

fn kill_reaches_the_created(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    case.must_create()?;
    case.must(&["kill", &case.id, "KILL"])?;
    case.wait_until("stopped")?;
    ensure(!case.inside("tmp/ran").exists(), || "it ran".to_owned())
}

fn kill_needs_the_living(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, "true");
    case.must_create()?;
    case.must(&["start", &case.id])?;
    case.wait_until("stopped")?;
    ensure(!case.call(&["kill", &case.id, "TERM"]).ok(), || "a dead container was killed".to_owned())?;
    ensure(case.status().as_deref() == Some("stopped"), || "it did not stay stopped".to_owned())
}

fn delete_needs_the_dead(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    case.must_create()?;
    case.must(&["start", &case.id])?;
    ensure(!case.call(&["delete", &case.id]).ok(), || "a running container was deleted".to_owned())?;
    ensure(case.status().as_deref() == Some("running"), || "it did not stay running".to_owned())
}

fn delete_undoes_create(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, "true");
    case.must_create()?;
    case.must(&["start", &case.id])?;
    case.wait_until("stopped")?;
    case.must(&["delete", &case.id])?;
    ensure(case.state().is_none(), || "its state is left".to_owned())?;
    let path = format!("/shoal-test-{}/c", case.id);
    let cgroup = runtime::cgroup::detect().unwrap().cgroup(Path::new(&path)).unwrap();
    ensure(!cgroup.exists(), || "its cgroup is left".to_owned())?;
    ensure(case.inside("bin/busybox").exists(), || "the bundle is gone".to_owned())
}

fn an_id_may_return(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, WAIT);
    case.must_create()?;
    case.must(&["delete", "--force", &case.id])?;
    case.must_create()
}

fn an_id_is_no_path(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, WAIT);
    let outside = case.path("outside");
    case.id = "../outside".to_owned();
    let said = case.create();
    ensure(!said.ok() && !outside.exists(), || format!("{said:?}"))
}
