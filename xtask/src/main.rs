//! `cargo xtask`: everything one does to this repository, by one command here and in CI.
//!
//! `verify` writes nothing, `fix` rewrites, `build` makes the programs, `test` and `demo` install what they
//! need and run, `bench` measures beside dockerd.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program whose output is its answer")]

mod bench;
mod build;
mod demo;
mod fuzz;
mod install;
mod pack;
mod process;
mod python;
mod second;
mod test;
mod tidy;
mod verify;
mod vm;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <command>

  verify            format, clippy, tidy and cargo-deny; writes nothing
  fix               format, and let clippy rewrite
  build             all programs in release, the per-container ones static
  demo [--keep]     three replicas on this machine, from nothing
  test [--soak]     every test (root needed); --soak adds the long ones
  test --vm         only those that run in the virtual machines, with --soak the long ones too
  vm FILTER...      end-to-end tests of these names, not optimized, in a virtual machine
  fuzz TARGET [S]   one target of fuzz/ for S seconds (root and a nightly compiler needed)
  bench [-- ARGS]   side by side with dockerd";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["verify"] => verify::verify(),
        ["fix"] => verify::fix(),
        ["build"] => build::release().map(|_| ()),
        ["demo"] => demo::run(false),
        ["demo", "--keep"] => demo::run(true),
        ["test"] => test::run(false),
        ["test", "--soak"] => test::run(true),
        ["test", "--vm"] => second::time(false),
        ["test", "--vm", "--soak"] => second::time(true),
        ["vm", filter @ ..] => second::try_out(filter),
        ["fuzz", target] => fuzz::run(target, None),
        ["fuzz", target, seconds] => fuzz::run(target, Some(seconds)),
        ["bench", rest @ ..] => bench::run(rest.strip_prefix(&["--"]).unwrap_or(rest)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
