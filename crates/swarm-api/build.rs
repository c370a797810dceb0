//! Generates the messages and services from `proto/`, without a `protoc` on the machine, and the list of all rpc paths,
//! against which a test holds the role table.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

/// Messages with something in them that must be in no log: `src/discreet.rs` says how they are printed.
const DISCREET: [&str; 3] = [".shoal.v1.FileSpec", ".shoal.v1.RegistryCredentials", ".shoal.v1.RootCa"];

const FILES: [&str; 5] = ["objects.proto", "control.proto", "dispatcher.proto", "ca.proto", "raft.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let mut paths = String::from("&[\n");
    for file in &descriptors.file {
        for service in &file.service {
            for method in &service.method {
                writeln!(paths, "    \"/{}.{}/{}\",", file.package(), service.name(), method.name())?;
            }
        }
    }
    paths.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("rpc_paths.rs"), paths)?;
    tonic_prost_build::configure().skip_debug(DISCREET).compile_fds(descriptors)?;
    Ok(())
}
