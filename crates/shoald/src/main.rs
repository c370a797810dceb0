//! stub
mod config;
fn main() {
    let l = config::load(std::env::args());
    println!("{l:?}");
}
