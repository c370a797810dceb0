//! How far unpacking is from the disk's own speed and from one core's.
//!
//! `cargo run --release -p image --example unpack [directory]`: 300 MB in 6,000 files are written plainly, hashed,
//! decompressed, and imported, plain and compressed, each five times in turn; medians in milliseconds. Needs root, as layers
//! have owners.

use std::{
    fs,
    io::{Cursor, Read, Write},
    path::Path,
    process::ExitCode,
    time::Instant,
};

use image::{Images, ImagesConfig, ImportOptions, RemoveOptions};
use sha2::{Digest, Sha256};

const FILES: usize = 6_000;
const DIRECTORIES: usize = 200;
const FILE_BYTES: usize = 50 << 10;
const RUNS: usize = 5;

fn main() -> ExitCode {
    let base = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let root = base.join(format!("shoal-unpack-{}", std::process::id()));
    let measured = measure(&root);
    let removed = fs::remove_dir_all(&root);
    match measured.and(removed.map_err(Into::into)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unpack: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(root: &Path) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(root)?;
    let files = contents();
    let plain = archive(&files)?;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&plain)?;
    let gzip = encoder.finish()?;
    let zstd = zstd::encode_all(&plain[..], 3)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let config = ImagesConfig { root: root.join("image"), ..ImagesConfig::default() };
    let images = runtime.block_on(Images::open(config))?;
    let import = |bytes: &Vec<u8>| -> Result<(), Box<dyn std::error::Error>> {
        let nobody = tokio::sync::mpsc::channel(1).0;
        let tar = Cursor::new(bytes.clone());
        runtime.block_on(images.import(tar, ImportOptions::default(), nobody))?;
        Ok(())
    };
    let clear = || -> Result<(), Box<dyn std::error::Error>> {
        for image in runtime.block_on(images.list())? {
            runtime.block_on(images.remove(&image.id, RemoveOptions::default()))?;
        }
        rustix::fs::sync();
        Ok(())
    };
    let mut rows: Vec<(&str, Vec<u128>)> = Vec::new();
    let mut told = |name, began: Instant| match rows.iter_mut().find(|(other, _)| *other == name) {
        Some((_, times)) => times.push(began.elapsed().as_millis()),
        None => rows.push((name, vec![began.elapsed().as_millis()])),
    };
    for run in 0..RUNS {
        let target = root.join(format!("plain-{run}"));
        rustix::fs::sync();
        let began = Instant::now();
        write(&target, &files)?;
        told("plain write of the files", began);
        let began = Instant::now();
        fs::write(root.join("blob"), &plain)?;
        told("plain write of the archive", began);
        fs::remove_dir_all(&target)?;
        fs::remove_file(root.join("blob"))?;
        let began = Instant::now();
        std::hint::black_box(Sha256::digest(&plain));
        told("SHA-256 of the archive", began);
        let began = Instant::now();
        drain(flate2::read::GzDecoder::new(&gzip[..]))?;
        told("gzip decompressed", began);
        let began = Instant::now();
        drain(zstd::Decoder::new(&zstd[..])?)?;
        told("zstd decompressed", began);
        for (name, bytes) in [("import, plain", &plain), ("import, gzip", &gzip), ("import, zstd", &zstd)] {
            clear()?;
            let began = Instant::now();
            import(bytes)?;
            told(name, began);
        }
        clear()?;
    }
    let mut out = std::io::stdout();
    for (name, mut times) in rows {
        times.sort_unstable();
        writeln!(out, "{name:28} {:6} ms (best {})", times[times.len() / 2], times[0])?;
    }
    Ok(())
}

/// Half of each file without a pattern, half of zeros, so that compression has something to do (xorshift, Marsaglia 2003).
fn contents() -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut file = || {
        let mut bytes = vec![0; FILE_BYTES];
        for word in bytes[..FILE_BYTES / 2].chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        bytes
    };
    (0..FILES).map(|_| file()).collect()
}

fn name(file: usize) -> String {
    format!("d{}/f{file}", file * DIRECTORIES / FILES)
}

fn archive(files: &[Vec<u8>]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (number, content) in files.iter().enumerate() {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name(number), &content[..])?;
    }
    tar.into_inner()
}

fn write(target: &Path, files: &[Vec<u8>]) -> std::io::Result<()> {
    for directory in 0..DIRECTORIES {
        fs::create_dir_all(target.join(format!("d{directory}")))?;
    }
    files.iter().enumerate().try_for_each(|(number, content)| fs::write(target.join(name(number)), content))
}

fn drain(mut from: impl Read) -> std::io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    while from.read(&mut buffer)? > 0 {}
    Ok(())
}
