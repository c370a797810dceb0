//! stub
mod config;
mod executor;
mod instance;
fn main() {
    let l = config::load(std::env::args());
    println!("{l:?}");
}
