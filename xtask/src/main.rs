//! `cargo xtask`: work on the project itself. `test` runs every test, `lint` every static check, and `tidy` the
//! checks that are this project's own (see [`tidy`]).

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod compose;
mod cost;
mod faults;
mod lint;
mod mutants;
mod phases;
mod run;
mod schemathesis;
mod services;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Work on the project itself.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every test of the workspace, after checking that what they need is there.
    Test {
        /// Passed on to `cargo test`, as in `cargo xtask test -- --package jumun-kernel`.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Check format, clippy, tidy, deploy/compose.yaml and, where cargo-deny is installed, the dependency policy.
    Lint,
    /// Check what reviews would repeat: forbidden edges, impure domains, long functions, dead files.
    Tidy,
    /// Turn on one deliberate bug after the other, and show which layer of checks catches it.
    Mutants(mutants::Mutants),
    /// Start, stop or look at PostgreSQL, Redis and Kafka for development: natively, on the loopback address.
    Services(services::Services),
    /// Measure orders on PostgreSQL: Jumun's beside a plain transaction's (pgbench), on one server in one run.
    Cost(cost::Cost),
    /// Do harm to every part of a spread-out system under load, and show what became of the orders and how long that took.
    Faults(faults::Faults),
    /// Ask a running server everything that its OpenAPI description allows, and much that it does not. Needs Python 3.
    Schemathesis(schemathesis::Schemathesis),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Test { args } => test::run(&args),
        Task::Lint => lint::run(),
        Task::Tidy => tidy::run(),
        Task::Mutants(asked) => mutants::run(&asked),
        Task::Services(asked) => services::run(&asked),
        Task::Cost(asked) => cost::run(&asked),
        Task::Faults(asked) => faults::run(&asked),
        Task::Schemathesis(asked) => schemathesis::run(&asked),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
