//! `cargo xtask services`: PostgreSQL, Redis and Kafka for development, run natively on the loopback address. Tests do not use these: they
//! start their own (`jumun-services`), for which [`install`] gets the programs.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use services::{Found, KafkaServer, Kept, Part, PostgresServer, RedisServer, Service, home};

/// What to do, and with which.
#[derive(Args)]
pub(crate) struct Services {
    /// What to do.
    #[arg(value_enum)]
    action: Action,
    /// Only this one; may be given more than once.
    #[arg(long, value_enum)]
    only: Vec<Kind>,
    /// Where they keep everything; `services` in the folder of builds if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The port of PostgreSQL, instead of a free one.
    #[arg(long)]
    postgres_port: Option<u16>,
    /// The port of Redis, instead of a free one.
    #[arg(long)]
    redis_port: Option<u16>,
    /// The port of Kafka, instead of a free one.
    #[arg(long)]
    kafka_port: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Get what is missing, start them, and wait until they answer.
    Up,
    /// Stop them; their data stay.
    Down,
    /// Say which run.
    Status,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Postgres,
    Redis,
    Kafka,
}

const KINDS: [Kind; 3] = [Kind::Postgres, Kind::Redis, Kind::Kafka];

impl Kind {
    fn part(self) -> Part {
        match self {
            Self::Postgres => Part::Postgres,
            Self::Redis => Part::Redis,
            Self::Kafka => Part::Kafka,
        }
    }

    /// The name under which programs are told where it is.
    fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "DATABASE_URL",
            Self::Redis => "REDIS_URL",
            Self::Kafka => "KAFKA_BROKERS",
        }
    }
}

/// Gets every program that tests start for themselves.
pub(crate) fn install() -> Result<()> {
    KINDS.iter().try_for_each(|kind| services::install(kind.part()))
}

/// Does what is asked with each of them, even after one has failed.
pub(crate) fn run(asked: &Services) -> Result<ExitCode> {
    let chosen = KINDS.into_iter().filter(|kind| asked.only.is_empty() || asked.only.contains(kind));
    let mut code = ExitCode::SUCCESS;
    for kind in chosen {
        let done = match kind {
            Kind::Postgres => one::<PostgresServer>(asked, kind, asked.postgres_port),
            Kind::Redis => one::<RedisServer>(asked, kind, asked.redis_port),
            Kind::Kafka => one::<KafkaServer>(asked, kind, asked.kafka_port),
        };
        if let Err(error) = done {
            eprintln!("{error:#}");
            code = ExitCode::FAILURE;
        }
    }
    if asked.action != Action::Status {
        let file = write_environment(asked)?;
        if asked.action == Action::Up {
            println!("\nsource {}", file.display());
        }
    }
    Ok(code)
}

fn kept<S: Service>(asked: &Services) -> Kept<S> {
    Kept::in_home(&asked.data.clone().unwrap_or_else(home))
}

fn one<S: Service>(asked: &Services, kind: Kind, port: Option<u16>) -> Result<()> {
    let kept = kept::<S>(asked);
    match asked.action {
        Action::Up => up(&kept, kind, port).with_context(|| format!("{} is not up", S::NAME)),
        Action::Down => {
            let said = if kept.down()? { "stopped" } else { "did not run" };
            println!("{:<9} {said}", S::NAME);
            Ok(())
        }
        Action::Status => {
            let said = match kept.find()? {
                Found::Down => "down".to_owned(),
                Found::Up(url) => url,
                Found::Silent(why) => format!("runs, but does not answer: {why}"),
            };
            println!("{:<9} {said}", S::NAME);
            Ok(())
        }
    }
}

fn up<S: Service>(kept: &Kept<S>, kind: Kind, port: Option<u16>) -> Result<()> {
    services::install(kind.part())?;
    let (url, already) = match kept.find()? {
        Found::Up(url) => (url, " (was up)"),
        Found::Silent(why) => anyhow::bail!("it runs, but does not answer: {why}"),
        Found::Down => (kept.up(port)?, ""),
    };
    println!("{:<9} {url}{already}", S::NAME);
    Ok(())
}

/// Writes what a shell can source to know where those are that run.
fn write_environment(asked: &Services) -> Result<PathBuf> {
    let found = [
        (Kind::Postgres, kept::<PostgresServer>(asked).find()),
        (Kind::Redis, kept::<RedisServer>(asked).find()),
        (Kind::Kafka, kept::<KafkaServer>(asked).find()),
    ];
    let lines = found.into_iter().filter_map(|(kind, found)| match found {
        Ok(Found::Up(url)) => Some(format!("export {}='{url}'\n", kind.variable())),
        Ok(Found::Down | Found::Silent(_)) | Err(_) => None,
    });
    let folder = asked.data.clone().unwrap_or_else(home);
    fs::create_dir_all(&folder)?;
    let file = folder.join("env");
    fs::write(&file, lines.collect::<String>())
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
