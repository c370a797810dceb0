//! What is run in a virtual machine: test executables, one after the other, each within its own limit.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long the machine may take to come to its first job, and from its last one to its end.
const AROUND: Duration = Duration::from_secs(180);
/// Tests that run beside each other in an executable: they wait for each other's processor, but more for timers.
const THREADS: u32 = 2;

/// Where the disk is. Files in memory cannot be shown with other owners by the machine's kernel; those on a disk can.
pub(crate) const DISK: &str = "/disk";
/// What comes before the jobs.
const PREPARE: &str = "\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root
export SHOAL_PROGRAMS=/host SHOAL_PATIENCE=240 SHOAL_COMPLETE_KERNEL=1
export PYTHONPATH=/packages
ip link set lo up
modprobe -a virtio_blk ext4
mkdir /disk
mount /dev/vda /disk
verdict=0
";

/// What becomes of the machine after its jobs.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    /// Its systemd ends it in order.
    PowerOff,
    /// What runs goes on until there is no power, and nothing is written any more.
    PowerCut,
}

/// One test executable, and the names of the tests to run in it.
pub(crate) struct Job {
    /// Under the directory that the machine sees as `/host`.
    pub(crate) executable: PathBuf,
    /// As on the command line of a test executable; none: all.
    pub(crate) filter: Vec<String>,
    /// Variables of its environment.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// How long it may take where the machine is emulated and has a processor for itself.
    pub(crate) limit: Duration,
}

/// How long a machine with these jobs may take from its start to its end.
pub(super) fn limit(jobs: &[Job]) -> Duration {
    jobs.iter().map(|job| job.limit).sum::<Duration>() + AROUND
}

/// What the machine runs. The verdict is the sum of all exit codes.
pub(super) fn script(host: &Path, interpreter: &Path, jobs: &[Job], end: End) -> Result<String> {
    let mut script = PREPARE.to_owned();
    let python = interpreter.display();
    // It finds its library by the path that it was built for.
    if !interpreter.starts_with("/usr") {
        writeln!(script, "mkdir -p {python} && mount --bind /python {python}")?;
    }
    writeln!(script, "export SHOAL_PYTHON={python}/bin/python3")?;
    for job in jobs {
        let path =
            job.executable.strip_prefix(host).context("a test executable outside the programs' directory")?;
        let environment: Vec<String> =
            job.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        writeln!(
            script,
            "env {} timeout --kill-after=10 {} /host/{} --test-threads={THREADS} {} || verdict=$((verdict + $?))",
            environment.join(" "),
            job.limit.as_secs(),
            path.display(),
            job.filter.join(" "),
        )?;
        writeln!(script, "read up idle < /proc/uptime; echo \"$up s after the start\"")?;
    }
    script += "echo $verdict > /job/verdict\n";
    if end == End::PowerCut {
        script += "echo b > /proc/sysrq-trigger\n";
    }
    Ok(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_a_line_within_its_limit() {
        let job = Job {
            executable: "/built/deps/e2e-1".into(),
            filter: vec!["point::".to_owned(), "flag::".to_owned()],
            environment: vec![("SHOAL_POINTS", "2/8".to_owned())],
            limit: Duration::from_secs(60),
        };
        let script = script(Path::new("/built"), Path::new("/opt/python"), &[job], End::PowerCut).unwrap();
        let line = "env SHOAL_POINTS=2/8 timeout --kill-after=10 60 /host/deps/e2e-1 --test-threads=2 point:: flag:: ||";
        assert!(script.contains("mount --bind /python /opt/python\n"), "{script}");
        assert!(script.contains(line) && script.ends_with("sysrq-trigger\n"), "{script}");
    }
}
