//! `cargo xtask faults`: what every fault on the real parts cost, and how long it took until all was settled.
//!
//! The end-to-end tests do the harm, judge what becomes of the orders, and note figures; here they run one after the other.

mod table;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{run, services};
use table::Noted;

/// Which of them.
#[derive(Args)]
pub(crate) struct Faults {
    /// Only tests with this in their names; may be given more than once.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

/// The tests that note figures, each by its full name.
const TESTS: &[&str] = &[
    "spread::spread_monolith::what_was_acknowledged_outlives_every_unit_killed_in_turn",
    "spread::spread_orchestrated_calls::what_was_acknowledged_outlives_every_unit_killed_in_turn",
    "spread::spread_choreographed_parallel::what_was_acknowledged_outlives_every_unit_killed_in_turn",
    "spread::spread_validated_async::what_was_acknowledged_outlives_every_unit_killed_in_turn",
    "spread::spread_seven_services::what_was_acknowledged_outlives_every_unit_killed_in_turn",
    "spread::spread_orchestrated_messages::what_was_acknowledged_outlives_every_unit_killed_in_turn",
    "spread::units_are_started_anew_one_by_one_and_no_order_fails",
    "spread::two_instances_of_every_unit_share_its_work_and_outlive_each_other_and_their_postgresql",
    "spread::a_unit_that_dies_while_its_postgresql_is_away_comes_back_with_it",
    "spread::a_paused_holder_of_a_lock_a_slow_database_and_a_lost_redis_delay_orders_and_lose_none",
    "kafka::spread_choreographed_parallel::orders_wait_while_the_broker_is_away_and_survive_its_death_and_a_units",
    "kafka::spread_validated_async::orders_wait_while_the_broker_is_away_and_survive_its_death_and_a_units",
    "kafka::spread_seven_services::orders_wait_while_the_broker_is_away_and_survive_its_death_and_a_units",
    "kafka::orders_outlive_a_minute_without_their_broker_or_give_everything_back",
    "kafka::two_instances_share_the_partitions_of_their_unit_and_outlive_each_other",
    "postgres::whatever_unit_is_restored_from_an_older_backup_the_audit_says_so_and_nothing_starts",
    "restore::orders_restored_from_a_backup_are_refused_until_the_operator_believes_them",
    "restore::where_units_are_apart_followers_of_a_backup_say_so_until_its_epoch_begins",
    "restore::a_backup_of_the_only_database_is_found_out_by_the_pgs_book",
];

/// Where the tests note their figures, as [`TESTS`] are told.
const VARIABLE: &str = "JUMUN_FAULTS";
const E2E: &[&str] = &["test", "--package", "jumun", "--test", "e2e", "--locked"];

/// Runs them, and prints tables in Markdown. Fails if a test does, or notes nothing.
pub(crate) fn run(asked: &Faults) -> Result<ExitCode> {
    let is_chosen = |test: &&str| asked.only.is_empty() || asked.only.iter().any(|text| test.contains(text));
    let chosen: Vec<&str> = TESTS.iter().copied().filter(is_chosen).collect();
    ensure!(!chosen.is_empty(), "none of the tests is called like that");
    services::install()?;
    let built = run::stream(run::cargo(E2E)?.arg("--no-run"))?;
    ensure!(built.success(), "the tests do not build");
    let file = run::target_dir()?.join("faults.ndjson");
    let mut noted = Noted::default();
    let mut failed = Vec::new();
    for test in chosen {
        if file.exists() {
            std::fs::remove_file(&file).context("the last test's figures cannot be removed")?;
        }
        let mut cargo = run::cargo(E2E)?;
        cargo.args(["--quiet", "--", "--exact", test]).env(VARIABLE, &file);
        if !run::stream(&mut cargo)?.success() {
            failed.push(test);
        }
        let lines = std::fs::read_to_string(&file).with_context(|| format!("{test} has noted nothing"))?;
        noted.read(&lines)?;
    }
    println!("\n{noted}");
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(ExitCode::SUCCESS)
}
