//! Images on each daemon: one of 300 MB in one layer and the same files in eight, through every way in and out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::daemon::Daemon;
use super::table::Table;

/// Files of the image.
const FILES: usize = 6000;
/// Directories they are spread over.
const DIRECTORIES: usize = 60;
/// Bytes at the beginning of a file that no compressor makes smaller.
const RANDOM_BYTES: usize = 25_000;
/// What fills the rest of a file, so often.
const FILLER: (&[u8], usize) = (b"lorem ipsum dolor ", 1400);
/// Bytes that the random parts are cut from.
const POOL_BYTES: usize = 25 << 20;
/// Where the registry listens, on loopback.
const REGISTRY: &str = "127.0.0.1:5056";
/// How long the registry may take until it answers.
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(20);
/// The name of every image here.
const NAME: &str = "big";

/// A number of layers and what the metrics of such an image are called.
struct Shape {
    layers: usize,
    load: &'static str,
    save: &'static str,
    push: &'static str,
    pull: &'static str,
}

const SHAPES: [Shape; 2] = [
    Shape {
        layers: 1,
        load: "load 300 MB in one layer (s)",
        save: "save 300 MB in one layer (s)",
        push: "push 300 MB in one layer (s)",
        pull: "pull 300 MB in one layer (s)",
    },
    Shape {
        layers: 8,
        load: "load 300 MB in eight layers (s)",
        save: "save 300 MB in eight layers (s)",
        push: "push 300 MB in eight layers (s)",
        pull: "pull 300 MB in eight layers (s)",
    },
];

/// Takes every figure from every daemon.
pub(super) fn measure(daemons: &[Daemon], base: &Path) -> Result<Table> {
    let mut table = Table::default();
    let pool = pool();
    let registry = Registry::start(base)?;
    let layer = layer(&pool, 0..FILES)?;
    for daemon in daemons {
        let path = format!("/images/create?fromSrc=-&repo={NAME}&tag=latest");
        timed(&mut table, "import 300 MB, 6,000 files (s)", || daemon.stream("POST", &path, &layer))?;
        forget(daemon, &format!("{NAME}:latest"))?;
    }
    drop(layer);
    for shape in &SHAPES {
        let archive = archive(&pool, shape.layers)?;
        for daemon in daemons {
            one(daemon, shape, &archive, &mut table)?;
        }
    }
    drop(registry);
    Ok(table)
}

/// Seconds of a plain write of the same bytes to the same files: what unpacking cannot beat.
pub(super) fn floor(base: &Path) -> Result<f64> {
    let (pool, root) = (pool(), base.join("floor"));
    settle();
    let began = Instant::now();
    for directory in 0..DIRECTORIES {
        fs::create_dir_all(root.join(format!("d{directory}")))?;
    }
    for file in 0..FILES {
        fs::write(root.join(name(file)), content(&pool, file))?;
    }
    let seconds = began.elapsed().as_secs_f64();
    fs::remove_dir_all(root)?;
    Ok(seconds)
}

fn one(daemon: &Daemon, shape: &Shape, archive: &[u8], table: &mut Table) -> Result<()> {
    timed(table, shape.load, || daemon.stream("POST", "/images/load?quiet=1", archive))?;
    timed(table, shape.save, || {
        let saved = daemon.read(&format!("/images/{NAME}:latest/get"))?;
        ensure!(!saved.is_empty(), "{}: nothing was saved", daemon.name);
        Ok(())
    })?;
    let repository = format!("{REGISTRY}/{}/{NAME}-{}", daemon.name, shape.layers);
    daemon.call("POST", &format!("/images/{NAME}:latest/tag?repo={repository}&tag=1"), None)?;
    timed(table, shape.push, || daemon.stream("POST", &format!("/images/{repository}/push?tag=1"), b""))?;
    forget(daemon, &format!("{repository}:1"))?;
    forget(daemon, &format!("{NAME}:latest"))?;
    let pull = format!("/images/create?fromImage={repository}&tag=1");
    timed(table, shape.pull, || daemon.stream("POST", &pull, b""))?;
    forget(daemon, &format!("{repository}:1"))
}

/// One action with nothing of the last one still on its way to the disk.
fn timed(table: &mut Table, metric: &str, action: impl FnOnce() -> Result<()>) -> Result<()> {
    settle();
    let began = Instant::now();
    action()?;
    table.add(metric, began.elapsed().as_secs_f64());
    Ok(())
}

fn settle() {
    // A failed sync would only make the figures noisier.
    Command::new("sync").status().ok();
}

fn forget(daemon: &Daemon, image: &str) -> Result<()> {
    daemon.call("DELETE", &format!("/images/{image}?force=1"), None).map(|_| ())
}

/// Bytes without a pattern, the same in every run (xorshift, Marsaglia 2003).
fn pool() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..POOL_BYTES / 8).flat_map(|_| next()).collect()
}

fn name(file: usize) -> String {
    format!("d{}/f{file}", file % DIRECTORIES)
}

fn content(pool: &[u8], file: usize) -> Vec<u8> {
    let start = (file * 4099) % (pool.len() - RANDOM_BYTES);
    let mut content = pool[start..start + RANDOM_BYTES].to_vec();
    content.extend(FILLER.0.repeat(FILLER.1));
    content
}

fn layer(pool: &[u8], files: std::ops::Range<usize>) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        append(&mut tar, &name(file), &content(pool, file))?;
    }
    Ok(tar.into_inner()?)
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(content.len() as u64);
    header.set_mtime(0);
    Ok(tar.append_data(&mut header, name, content)?)
}

/// What `docker save` would have written of such an image.
fn archive(pool: &[u8], layers: usize) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let (mut names, mut digests) = (Vec::new(), Vec::new());
    for number in 0..layers {
        let layer = layer(pool, FILES * number / layers..FILES * (number + 1) / layers)?;
        digests.push(format!("sha256:{}", hex::encode(Sha256::digest(&layer))));
        names.push(format!("{number}/layer.tar"));
        append(&mut tar, &names[number], &layer)?;
    }
    let config = json!({
        "architecture": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64"),
        "os": "linux",
        "config": { "Cmd": ["true"] },
        "rootfs": { "type": "layers", "diff_ids": digests },
    })
    .to_string();
    let config_name = format!("{}.json", hex::encode(Sha256::digest(&config)));
    append(&mut tar, &config_name, config.as_bytes())?;
    let manifest =
        json!([{ "Config": config_name, "RepoTags": [format!("{NAME}:latest")], "Layers": names }]);
    append(&mut tar, "manifest.json", manifest.to_string().as_bytes())?;
    Ok(tar.into_inner()?)
}

/// Debian's registry on loopback, ended on drop.
struct Registry {
    child: Child,
}

impl Registry {
    fn start(base: &Path) -> Result<Registry> {
        let root: PathBuf = base.join("registry");
        fs::create_dir_all(&root)?;
        let config = root.join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {REGISTRY}\n",
            root.join("data").display()
        );
        fs::write(&config, text)?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Registry { child: command.spawn().context("cannot start docker-registry")? };
        let began = Instant::now();
        while std::net::TcpStream::connect(REGISTRY).is_err() {
            if began.elapsed() > REGISTRY_TIMEOUT {
                bail!("the registry does not listen at {REGISTRY}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
