//! The layers of checks: what each is built from, and how it says that it caught something.

use std::fmt;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use clap::ValueEnum;

use super::process::{self, Ended};
use super::series::Mutant;
use crate::run;

/// The packages whose own tests are the first layer.
const UNIT: &[&str] = &[
    "kernel",
    "runtime",
    "store",
    "scripted",
    "user",
    "product",
    "point",
    "coupon",
    "order",
    "payment",
    "ranking",
    "data-platform",
    "read-model",
    "replica",
];
/// Seeds that the simulation is given, each over all six topologies: 300 runs.
const SEEDS: u32 = 50;
/// A program that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(900);

/// One layer of checks, from the quickest to the slowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Layer {
    /// The tests of kernel, runtime, stores and domains.
    Unit,
    /// The named hard cases, over whole shops.
    HardCases,
    /// Two instances over one database, and the store that they race over.
    Instances,
    /// The model checker.
    Model,
    /// The simulator, seed by seed.
    Simulation,
    /// The server as it ships.
    #[value(name = "e2e")]
    EndToEnd,
}

impl Layer {
    pub(super) const ALL: [Self; 6] =
        [Self::Unit, Self::HardCases, Self::Instances, Self::Model, Self::Simulation, Self::EndToEnd];

    /// What must be in the tree for it.
    fn needs(self) -> &'static str {
        match self {
            Self::Unit => "crates/kernel",
            Self::HardCases => "crates/shop/tests/hard_cases",
            Self::Instances => "crates/sim/tests/instances",
            Self::Model => "crates/model/Cargo.toml",
            Self::Simulation => "crates/jumun/src/cli/simulate.rs",
            Self::EndToEnd => "crates/jumun/tests/e2e",
        }
    }

    fn cargo_args(self) -> Vec<String> {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        match self {
            Self::Unit => {
                let packages = UNIT.iter().flat_map(|name| ["--package".to_owned(), format!("jumun-{name}")]);
                words("test --no-run --lib --tests").into_iter().chain(packages).collect()
            }
            Self::HardCases => words("test --no-run --package jumun-shop --test hard_cases"),
            Self::Instances => words("test --no-run --package jumun-sim --lib --test instances"),
            Self::Model => words("build --package jumun-model"),
            Self::Simulation => words("build --package jumun --bin jumun"),
            Self::EndToEnd => words("test --no-run --package jumun --test e2e"),
        }
    }

    /// Builds it in `tree`; `None` if the tree does not have it.
    ///
    /// # Errors
    /// If it does not build.
    pub(super) fn build(self, tree: &Path) -> Result<Option<Built>> {
        if !tree.join(self.needs()).exists() {
            return Ok(None);
        }
        println!("+ building: {self}");
        let args = self.cargo_args();
        let mut command = run::cargo(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
        // Built once and run for every bug: what is quick to compile would be slow to run.
        command
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(tree)
            .stdout(Stdio::piped());
        let mut cargo = command.spawn().context("cannot start cargo")?;
        let output = cargo.stdout.take().context("its output was not piped")?;
        let tests = args.first().is_some_and(|word| word == "test");
        let mut programs = Vec::new();
        for message in Message::parse_stream(BufReader::new(output)) {
            let Message::CompilerArtifact(artifact) = message? else { continue };
            let Some(path) = artifact.executable.filter(|_| artifact.profile.test == tests) else { continue };
            let package = artifact.manifest_path.parent().context("a manifest without a folder")?;
            programs
                .push(Program { path: path.into_std_path_buf(), package: package.as_std_path().to_owned() });
        }
        ensure!(cargo.wait()?.success(), "{self} does not build");
        ensure!(!programs.is_empty(), "{self}: cargo built no program");
        Ok(Some(Built { layer: self, tree: tree.to_owned(), programs }))
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "unit",
            Self::HardCases => "hard cases",
            Self::Instances => "two instances",
            Self::Model => "model",
            Self::Simulation => "simulation",
            Self::EndToEnd => "end to end",
        })
    }
}

/// A layer whose programs are built.
pub(super) struct Built {
    pub(super) layer: Layer,
    tree: PathBuf,
    programs: Vec<Program>,
}

struct Program {
    path: PathBuf,
    /// The folder of its package, where it runs.
    package: PathBuf,
}

/// What a layer says of a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It sees nothing wrong.
    Passed,
    /// What saw it: a test, a seed, or how the program ended.
    Caught(By),
}

/// What saw a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The first test that failed.
    Test(String),
    /// The first seed that broke a promise.
    Seed(u32),
    /// A program that failed in another way, or never ended.
    End(&'static str),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(name) => write!(f, "`{name}`"),
            Self::Seed(seed) => write!(f, "seed {seed}"),
            Self::End(how) => f.write_str(how),
        }
    }
}

impl Built {
    /// Runs it with `mutant` on, until something fails.
    ///
    /// # Errors
    /// If a program cannot be started.
    pub(super) fn run(&self, mutant: Option<&Mutant>) -> Result<Verdict> {
        // The tests of what was changed are the likeliest to see it.
        let near = |program: &&Program| {
            let folder = program.package.file_name().unwrap_or_default().to_string_lossy();
            mutant.is_some_and(|mutant| mutant.crates.iter().any(|name| *name == folder))
        };
        let (first, rest): (Vec<_>, Vec<_>) = self.programs.iter().partition(near);
        for program in first.into_iter().chain(rest) {
            if let Some(by) = self.ask(program, mutant)? {
                return Ok(Verdict::Caught(by));
            }
        }
        Ok(Verdict::Passed)
    }

    fn ask(&self, program: &Program, mutant: Option<&Mutant>) -> Result<Option<By>> {
        if self.layer != Layer::Simulation {
            let ended = process::run(&mut self.command(program, mutant), LIMIT, failed_test)?;
            return Ok(by(ended, "a counterexample"));
        }
        for seed in 1..=SEEDS {
            let mut command = self.command(program, mutant);
            command.args(["simulate", "--runs", "1", "--seed", &seed.to_string()]);
            match process::run(&mut command, LIMIT, |_| None)? {
                Ended::Well => {}
                Ended::Badly(_) => return Ok(Some(By::Seed(seed))),
                Ended::Hung => return Ok(Some(By::End("hung"))),
            }
        }
        Ok(None)
    }

    fn command(&self, program: &Program, mutant: Option<&Mutant>) -> Command {
        let mut command = Command::new(&program.path);
        command.current_dir(&program.package).env_remove("JUMUN_MUTANT");
        // Nothing that one bug makes a test write down may be there for the next.
        command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true").env("INSTA_UPDATE", "no");
        command.env("INSTA_WORKSPACE_ROOT", &self.tree);
        if let Some(mutant) = mutant {
            command.env("JUMUN_MUTANT", &mutant.name);
        }
        command
    }
}

fn by(ended: Ended, otherwise: &'static str) -> Option<By> {
    match ended {
        Ended::Well => None,
        Ended::Badly(Some(test)) => Some(By::Test(test)),
        Ended::Badly(None) => Some(By::End(otherwise)),
        Ended::Hung => Some(By::End("hung")),
    }
}

/// The test that a line of a test program says failed.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_named_by_the_line_that_says_so() {
        assert_eq!(failed_test("test judge::goes_on ... FAILED"), Some("judge::goes_on"));
        assert_eq!(failed_test("test judge::goes_on ... ok"), None);
        assert_eq!(failed_test("test result: FAILED. 1 passed"), None);
    }
}
