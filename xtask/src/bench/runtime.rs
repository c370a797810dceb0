//! The runtimes' command lines beside each other, on the same bundle, above the floor that the kernel sets.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{cargo, find, output};

/// Others, in the order of the table.
const OTHERS: [&str; 2] = ["crun", "runc"];

/// One runtime's median, in seconds.
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) seconds: f64,
}

/// Runs `true` to its end with each runtime that is installed, in turn within each repetition, and then the floor.
pub(super) fn measure(programs: &Path, base: &Path, repetitions: usize) -> Result<Vec<Figure>> {
    let bundle = base.join("bundle");
    bundle_at(&bundle, &programs.join("shoal-runtime"))?;
    let mut runtimes = vec![("shoal-runtime".to_owned(), programs.join("shoal-runtime"))];
    runtimes.extend(OTHERS.iter().filter_map(|name| Some(((*name).to_owned(), find(name)?))));
    let mut times = vec![Vec::new(); runtimes.len()];
    for round in 0..repetitions.max(1) {
        for ((name, program), times) in runtimes.iter().zip(&mut times) {
            let state = base.join(format!("state-{name}"));
            let began = Instant::now();
            run(program, &state, &bundle, &format!("bench-{}-{round}", std::process::id()))?;
            times.push(began.elapsed().as_secs_f64());
        }
    }
    let named = runtimes.into_iter().zip(&mut times);
    let mut figures: Vec<Figure> =
        named.map(|((name, _), times)| Figure { name, seconds: middle(times) }).collect();
    figures.push(Figure {
        name: "floor: bare clone3, pivot_root, exec".to_owned(),
        seconds: floor(&bundle, repetitions)?,
    });
    Ok(figures)
}

/// In a mount namespace where version 2 of cgroups is not to be seen beside version 1: crun refuses to run otherwise.
fn run(program: &Path, state: &Path, bundle: &Path, id: &str) -> Result<()> {
    const HIDE: &str = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", HIDE, "sh"]).arg(program).arg("--root").arg(state);
    command.arg("run").arg("--bundle").arg(bundle).arg(id);
    let done = command.stdin(Stdio::null()).output().context("cannot run unshare")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{} ended with {}: {}", program.display(), done.status, said.trim());
    Ok(())
}

/// A bundle with busybox as `true`, its configuration as our runtime writes it.
fn bundle_at(bundle: &Path, runtime: &Path) -> Result<()> {
    let bin = bundle.join("rootfs/bin");
    fs::create_dir_all(&bin)?;
    fs::copy(find("busybox").context("busybox is not installed")?, bin.join("busybox"))?;
    fs::set_permissions(bin.join("busybox"), Permissions::from_mode(0o755))?;
    symlink("busybox", bin.join("true"))?;
    output(Command::new(runtime).args(["spec", "--bundle"]).arg(bundle))?;
    let path = bundle.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path)?)?;
    // Older runtimes know no later version.
    config["ociVersion"] = Value::String("1.0.2".to_owned());
    config["process"]["terminal"] = Value::Bool(false);
    config["process"]["args"] = serde_json::json!(["/bin/true"]);
    Ok(fs::write(path, config.to_string())?)
}

/// The example `floor` of the room `runtime`, which prints its median in microseconds.
fn floor(bundle: &Path, repetitions: usize) -> Result<f64> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--package", "runtime", "--example", "floor", "--"]);
    let said = output(command.arg(bundle.join("rootfs")).arg(repetitions.to_string()))?;
    let micros: f64 = said.trim().parse().context("the floor is no number")?;
    Ok(micros / 1e6)
}

fn middle(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
