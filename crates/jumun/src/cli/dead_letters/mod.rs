//! `jumun dead-letters`: what could not go on by itself, and how an operator ends it.

mod remote;
mod stopped;

use super::table::Table;
use super::{Ended, SystemArgs, block_on, say};
use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use kernel::checks;
use kernel::ids::LetterId;
use kernel::judge::letters::LetterStatus;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// List, redrive and resolve dead letters: what could not go on by itself
#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// List dead letters, newest first; beside a running server or without one
    List(List),
    /// Try one again, with the same message id and through the inbox: it cannot take effect twice
    ///
    /// Without --url the system must be stopped: its data folder is taken, and its loops run until what the letter stood for is
    /// done. Exit code 1 if it is not done in time, or the letter is open again.
    Redrive(Redrive),
    /// End one by a note: what redriving cannot. The audit lists it for ever
    ///
    /// Without --url the system must be stopped, as for redrive.
    Resolve(Resolve),
}

#[derive(Debug, Args)]
struct Target {
    #[command(flatten)]
    system: SystemArgs,
    /// A running server, such as http://127.0.0.1:8080, instead of a data folder; log in with JUMUN_ADMIN_EMAIL and
    /// JUMUN_ADMIN_PASSWORD
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    target: Target,
    /// Which ones
    #[arg(long, value_enum, default_value_t = Which::Open)]
    status: Which,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Open,
    Redriven,
    Resolved,
    All,
}

#[derive(Debug, Args)]
struct Redrive {
    /// The letter's id
    id: Uuid,
    #[command(flatten)]
    target: Target,
    /// How many seconds its consequences may take, on a stopped system
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

#[derive(Debug, Args)]
struct Resolve {
    /// The letter's id
    id: Uuid,
    /// Why it is over, 1 to 500 characters; recorded
    #[arg(long, value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    target: Target,
    /// How many seconds its consequences may take, on a stopped system
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

/// A letter as it is shown: the shape of the HTTP API.
#[derive(Debug, Deserialize, Serialize)]
struct Shown {
    id: Uuid,
    domain: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    kind: String,
    error: String,
    attempts: i64,
    first_at: String,
    last_at: String,
    status: String,
}

/// What is to be done with a letter.
enum Action {
    Redrive,
    Resolve(String),
}

impl DeadLetters {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        match self.command {
            Subcommands::List(list) => list.run(),
            Subcommands::Redrive(Redrive { id, target, wait }) => target.handle(id, Action::Redrive, wait),
            Subcommands::Resolve(Resolve { id, note, target, wait }) => {
                if let Err(refused) = checks::text("/note", &note, checks::REASON_MAX) {
                    bail!("--note: {}", refused.detail);
                }
                target.handle(id, Action::Resolve(note), wait)
            }
        }
    }
}

impl List {
    fn run(&self) -> anyhow::Result<Ended> {
        let config = self.target.system.load(None, None, None)?;
        let status = match self.status {
            Which::Open => Some(LetterStatus::Open),
            Which::Redriven => Some(LetterStatus::Redriven),
            Which::Resolved => Some(LetterStatus::Resolved),
            Which::All => None,
        };
        let letters = match &self.target.url {
            Some(url) => block_on(remote::list(&config, url, status))?,
            None => stopped::list(&config, status)?,
        };
        if self.json {
            say(serde_json::to_string_pretty(&letters)?)?;
        } else if letters.is_empty() {
            say("no such dead letters")?;
        } else {
            let mut table = Table::headed(&[
                "id", "status", "kind", "domain", "order", "step", "tries", "raised", "error",
            ]);
            for letter in &letters {
                let order = letter.order_id.map(|id| id.to_string()).unwrap_or_default();
                let step = letter.step.clone().unwrap_or_default();
                let (id, tries) = (letter.id.to_string(), letter.attempts.to_string());
                let Shown { status, kind, domain, first_at, error, .. } = letter;
                table.row(&[&id, status, kind, domain, &order, &step, &tries, first_at, error]);
            }
            say(&table)?;
        }
        Ok(Ended::Well)
    }
}

impl Target {
    fn handle(&self, id: Uuid, action: Action, wait: u64) -> anyhow::Result<Ended> {
        let config = self.system.load(None, None, None)?;
        match &self.url {
            Some(url) => {
                let letter = block_on(remote::handle(&config, url, id, &action))?;
                say(format_args!("dead letter {id}: {}", letter.status))?;
                Ok(Ended::Well)
            }
            None => {
                let wait = Duration::from_secs(wait);
                let after = block_on(stopped::handle(&config, LetterId(id), action, wait))?;
                say(&after)?;
                Ok(Ended::of(after.is_over))
            }
        }
    }
}
