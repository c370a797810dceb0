//! Writes the seeds of the corpus: `cargo run --example seeds` in `fuzz/`. Whatever else lies there was found by fuzzing.
//!
//! One small input for each form that a format has and each attack that is known, so that mutations begin near both.

mod archive;
mod text;

use std::{fs, path::Path};

/// A target, and its inputs with their names.
type Seeds = (&'static str, Vec<(&'static str, Vec<u8>)>);

fn main() -> std::io::Result<()> {
    let all: Vec<Seeds> = text::seeds().into_iter().chain(archive::seeds()).collect();
    for (target, seeds) in all {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        fs::create_dir_all(&directory)?;
        for (name, bytes) in seeds {
            fs::write(directory.join(name), bytes)?;
        }
    }
    Ok(())
}
