//! `jumun demo`: a throwaway shop, driven over HTTP and told step by step; every claim is checked as it is made.

mod api;
mod crash;
mod ending;
mod failures;
mod opening;
mod process;
mod rush;
mod story;
mod success;

use super::serve::Farewell;
use super::{Ended, block_on};
use api::{Api, Person};
use clap::Args;
use opening::Cast;
use process::{Credentials, Home, Serving};
use std::path::Path;
use story::Story;

/// A few dozen customers, one `kill -9` and an audit, in under half a minute.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Stop and clean up after the story: exit code 0 if everything held, else 1
    #[arg(long)]
    exit: bool,
    /// The topology: a shipped one by name, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "seven-services")]
    topology: String,
}

/// What the chapters work with.
struct Stage<'a> {
    story: &'a mut Story,
    home: &'a Home,
    server: Serving,
    admin: Person,
}

impl Stage<'_> {
    /// The server's door: another one after a restart.
    fn api(&self) -> &Api {
        &self.server.api
    }
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        // A wrong name is a mistake in the call, not a story that went wrong.
        jumun::topologies::text(&self.topology).map_err(anyhow::Error::msg)?;
        let folder = tempfile::Builder::new().prefix("jumun-demo-").tempdir()?;
        let ended = block_on(self.play(folder.path()));
        folder.close()?;
        ended
    }

    /// Tells the story, and keeps the server up afterwards unless it is to exit.
    async fn play(&self, folder: &Path) -> anyhow::Result<Ended> {
        // One listener for the whole demo: a word that comes between two of its waits is not lost.
        let mut farewell = Farewell::listen()?;
        let home = Home::new(folder, &self.topology, Credentials::made_up());
        let mut story = Story::begin(&self.topology);
        let server = Serving::start(&home).await?;
        let told = tokio::select! {
            biased;
            () = farewell.heard() => {
                println!("\n  Interrupted: the server is stopped, its data are gone.");
                return Ok(Ended::Wanting);
            }
            told = tell(&mut story, &home, server) => told,
        };
        let server = match told {
            Ok(server) => Some(server),
            Err(error) => {
                story.breaks_off(&error, &home.last_log_lines());
                None
            }
        };
        let ended = story.end();
        if let Some(server) = server.filter(|_| !self.exit) {
            ending::invite(&server, &home);
            farewell.heard().await;
            println!("\n  Stopped; its data are gone.");
        }
        Ok(ended)
    }
}

/// The whole story, chapter by chapter.
async fn tell(story: &mut Story, home: &Home, server: Serving) -> anyhow::Result<Serving> {
    let admin = server.api.log_in("the admin", &home.admin.email, &home.admin.password).await?;
    let mut stage = Stage { story, home, server, admin };
    let cast = Cast::gather(&mut stage).await?;
    success::happy_order(&mut stage, &cast).await?;
    failures::out_of_stock(&mut stage, &cast).await?;
    failures::same_points_twice(&mut stage, &cast).await?;
    failures::same_coupon_twice(&mut stage, &cast).await?;
    failures::card_declined(&mut stage, &cast).await?;
    failures::outcome_unknown(&mut stage, &cast).await?;
    failures::cancelled(&mut stage, &cast).await?;
    rush::rush(&mut stage, &cast).await?;
    crash::kill_in_a_burst(&mut stage, &cast).await?;
    ending::best_sellers(&mut stage).await?;
    ending::audit(&mut stage).await?;
    Ok(stage.server)
}
