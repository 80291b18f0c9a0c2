//! Prints the report of made-up measurements, to look at while its looks are worked on:
//! `cargo run -p jumun-report --example sample -- 3 >sample.html` (3 rounds).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

#[path = "../tests/report/sample.rs"]
mod sample;

fn main() {
    let rounds = std::env::args().nth(1).map_or(1, |rounds| rounds.parse().unwrap());
    println!("{}", jumun_report::html(&sample::comparison(&sample::SIX, rounds)).unwrap());
}
