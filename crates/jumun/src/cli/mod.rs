//! The command line: logs to stderr, results to stdout; exit codes 0, 1 (checked and found wanting), 2 (usage).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod audit;
mod bench;
mod client;
mod compare;
mod config_check;
mod dead_letters;
mod demo;
mod migrate;
mod openapi;
mod pg_simulator;
mod ranking;
mod replay;
mod replay_log;
mod serve;
mod simulate;
mod stopped;
mod table;
mod topology;
mod up;
mod work;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jumun::Config;
use jumun::config::{Flags, KafkaFlag};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// An order-and-payment backend that keeps stock, coupons, points and payment honest, however a shop is split into services.
///
/// Try it: `jumun demo`. Run it: `jumun serve`, then open http://127.0.0.1:8080/docs.
#[derive(Debug, Parser)]
#[command(name = "jumun", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How logs on stderr look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Human,
    /// A JSON document a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell what an order is promised: a throwaway shop, its failures, a kill -9, the audit
    Demo(demo::Demo),
    /// Serve a topology's units in this process
    Serve(serve::Serve),
    Up(up::Up),
    Replay(replay::Replay),
    Bench(bench::Bench),
    Compare(compare::Compare),
    Migrate(migrate::Migrate),
    Audit(audit::AuditCommand),
    Simulate(simulate::Simulate),
    PgSimulator(pg_simulator::PgSimulator),
    Topology(topology::TopologyCommand),
    DeadLetters(dead_letters::DeadLetters),
    Ranking(ranking::RankingCommand),
    ReplayLog(replay_log::ReplayLog),
    Config(config_check::ConfigCommand),
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
}

/// Which system a command is about: the same for all that look at or drive one.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SystemArgs {
    /// The topology: a shipped one by name (see `jumun topology list`), or a file [default: seven-services]
    #[arg(long, value_name = "NAME|FILE")]
    topology: Option<String>,
    /// The data folder [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Keep the databases on this PostgreSQL server: postgres://user@host:5432/shop makes shop_order and so on. With a password rather
    /// set JUMUN_DATABASE: others can see flags among the processes [default: SQLite files in the data folder]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A TOML configuration file; JUMUN_… environment variables and flags come before it
    #[arg(long, value_name = "FILE", env = "JUMUN_CONFIG")]
    config: Option<PathBuf>,
    /// ISO 4217 code of every amount [default: KRW]
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
}

impl SystemArgs {
    /// The configuration, with these flags over it.
    fn load(
        &self,
        listen: Option<SocketAddr>,
        admin_listen: Option<SocketAddr>,
        rate_limit: Option<String>,
    ) -> anyhow::Result<Config> {
        self.load_with(Flags { listen, admin_listen, rate_limit, ..Flags::default() })
    }

    /// The configuration, with these flags and the command's `own` over it.
    fn load_with(&self, own: Flags) -> anyhow::Result<Config> {
        let flags = Flags {
            topology: self.topology.clone(),
            data: self.data.clone(),
            database: self.database.clone(),
            currency: self.currency.clone(),
            ..own
        };
        Config::load(self.config.as_deref(), &flags)
    }
}

/// Where Kafka is.
#[derive(Clone, Debug, Args)]
pub(crate) struct KafkaArgs {
    /// A Kafka broker: what the databases say is published there by topics of theirs, and units in different processes hear each other
    /// by them instead of asking each other [default: no Kafka]
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
}

impl KafkaArgs {
    fn flag(&self) -> Option<KafkaFlag> {
        self.kafka.clone().map(|brokers| KafkaFlag { brokers })
    }
}

/// How a command ended, as an exit code tells it.
pub(crate) enum Ended {
    /// All well.
    Well,
    /// Checked and found wanting.
    Wanting,
}

impl Ended {
    /// Well, if what was checked holds.
    fn of(holds: bool) -> Self {
        if holds { Self::Well } else { Self::Wanting }
    }
}

pub(crate) fn run(cli: Cli) -> ExitCode {
    log_to_stderr(cli.log_format, matches!(cli.command, Command::Simulate(_)));
    let ended = match cli.command {
        Command::Demo(demo) => demo.run(),
        Command::Serve(serve) => serve.run(),
        Command::Up(up) => up.run(),
        Command::Replay(replay) => replay.run(),
        Command::Bench(bench) => bench.run(),
        Command::Compare(compare) => compare.run(),
        Command::Migrate(migrate) => migrate.run(),
        Command::Audit(audit) => audit.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::PgSimulator(simulator) => simulator.run(),
        Command::Topology(topology) => topology.run(),
        Command::DeadLetters(letters) => letters.run(),
        Command::Ranking(ranking) => ranking.run(),
        Command::ReplayLog(replay) => replay.run(),
        Command::Config(config) => config.run(),
        Command::OpenApi(openapi) => openapi.run(),
    };
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Wanting) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Where faults are what is looked for, they are no news.
fn log_to_stderr(format: LogFormat, expects_faults: bool) {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let usual = if expects_faults { "off" } else { "warn,jumun=info" };
    let filter = EnvFilter::try_from_env("JUMUN_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    // A log that is a file is read by programs, too.
    let colours = std::io::stderr().is_terminal();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Human => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// Prints a result. Whoever reads it may have read enough: that is no fault.
///
/// # Errors
/// If it cannot be written for another reason.
fn say(result: impl std::fmt::Display) -> anyhow::Result<()> {
    use std::io::Write;
    let text = result.to_string();
    match writeln!(std::io::stdout().lock(), "{}", text.trim_end_matches('\n')) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Runs `work` on a runtime of its own.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
