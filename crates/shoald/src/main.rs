//! stub
mod config;
mod instance;
fn main() {
    let l = config::load(std::env::args());
    println!("{l:?}");
}
