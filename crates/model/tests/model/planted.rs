//! A rule that is broken on purpose is found out, each promise by one at least, and the way to it can be read.

use crate::broken::{
    BlindToTombstones, BrokenJudge, CompensatesTwice, Judge, KeepsTheMoney, NoDedupe, NoTombstone,
};
use jumun_model::ShopModel;
use jumun_model::check::{check, counterexample};
use jumun_model::promises::{BOOKS, CLOSED, CONFIRMED, FAILED, FAULTLESS, FORWARD, ONCE, REST, STATUS};
use jumun_model::seam::Seam;
use jumun_model::world::named;
use std::sync::Arc;

fn broken(topology: &str, world: &str, bug: impl Seam + 'static) -> ShopModel {
    ShopModel::with(topology, named(world).unwrap(), Arc::new(bug)).unwrap()
}

/// The way to the broken promise ends in these words.
#[track_caller]
fn finds(topology: &str, world: &str, bug: impl Seam + 'static, promise: &'static str, end: &str) {
    let model = broken(topology, world, bug);
    let way = counterexample(&model, promise).unwrap_or_default();
    assert!(way.contains(&format!("broken: {promise}")) && way.trim_end().ends_with(end), "{way}");
}

#[test]
fn without_a_tombstone_a_late_action_takes_what_nobody_gives_back() {
    let model = broken("choreographed-parallel", "late", NoTombstone);
    insta::assert_snapshot!(counterexample(&model, FAILED).unwrap());
}

#[test]
fn words_that_answer_each_other_for_ever_are_found() {
    let model = broken("seven-services", "calm", BrokenJudge(Judge::AsksForEver));
    let faults = check(&model, 1).faults;
    insta::assert_snapshot!(faults.iter().map(ToString::to_string).collect::<String>());
}

#[test]
fn a_step_that_leaves_no_row_is_open_to_late_words() {
    finds(
        "choreographed-parallel",
        "late",
        NoTombstone,
        CLOSED,
        "order A is FAILED, and its point is unheard of",
    );
}

#[test]
fn a_tombstone_that_is_not_seen_is_overwritten() {
    let end = "the point of order A went from compensated to done";
    finds("choreographed-parallel", "late", BlindToTombstones, ONCE, end);
}

#[test]
fn without_the_inbox_a_message_that_comes_twice_takes_twice() {
    let end = "stock is 0, and 1 by its opening and the receipts of done steps";
    finds("seven-services", "calm", NoDedupe, BOOKS, end);
}

#[test]
fn a_compensation_that_is_not_remembered_gives_back_twice() {
    let end = "stock is 1, and 0 by its opening and the receipts of done steps";
    finds("seven-services", "calm", CompensatesTwice, BOOKS, end);
}

#[test]
fn confirming_before_all_have_answered_is_found() {
    let bug = BrokenJudge(Judge::ConfirmsEarly);
    finds(
        "choreographed-parallel",
        "calm",
        bug,
        CONFIRMED,
        "order A is CONFIRMED, and its stock is unheard of",
    );
}

#[test]
fn taking_silence_for_nothing_done_is_found() {
    let bug = BrokenJudge(Judge::ForgetsLateSuccess);
    finds("choreographed-parallel", "late", bug, FAILED, "order A is FAILED, and its point is done");
}

#[test]
fn a_judge_that_asks_once_leaves_an_order_failing_for_ever() {
    let bug = BrokenJudge(Judge::NeverAsksAgain);
    finds("seven-services", "late", bug, REST, "nothing is under way, and order A is FAILING");
}

#[test]
fn an_order_that_leaves_confirmed_by_itself_is_found() {
    let bug = BrokenJudge(Judge::GivesUpConfirmed);
    finds("orchestrated-calls", "calm", bug, STATUS, "order A went from CONFIRMED to FAILING");
}

#[test]
fn a_judge_that_forgets_an_answer_is_found() {
    let bug = BrokenJudge(Judge::ForgetsAnswers);
    finds("choreographed-parallel", "calm", bug, FORWARD, "the point of order A went from DONE to UNKNOWN");
}

#[test]
fn a_decider_that_fails_is_found() {
    let bug = BrokenJudge(Judge::Stumbles);
    let end = "undecidable: stock.refused could not be decided: cannot happen: a refusal";
    finds("seven-services", "calm", bug, FAULTLESS, end);
}

#[test]
fn money_that_is_not_given_back_is_found() {
    let end = "order A is FAILED, its payment is compensated, and the PG holds the money";
    finds("seven-services", "late", KeepsTheMoney, REST, end);
}
