//! An order's life as the routes tell it: every topology that ships ends every flow.

use crate::shop::{ORCHESTRATED_MESSAGES, SEVEN_SERVICES, VALIDATED_ASYNC, routing, shipped, topology};
use jumun_kernel::Step;
use jumun_kernel::walk::{Flow, walk};

fn words(text: &str, flow: &Flow) -> Vec<String> {
    let topology = topology(text);
    walk(&topology, &routing(&topology), flow).iter().map(|told| told.said.name().to_string()).collect()
}

#[test]
fn every_flow_ends_in_every_topology() {
    for (name, text) in shipped() {
        let ends = |flow: &Flow, last: &str| {
            let said = words(&text, flow);
            assert_eq!(said.iter().filter(|word| *word == last).count(), 1, "{name} {flow:?}: {said:#?}");
        };
        ends(&Flow::Success, "order.confirmed");
        ends(&Flow::Cancelled, "order.cancelled");
        for step in topology(&text).order {
            ends(&Flow::Refused(step), "order.failed");
        }
    }
}

#[track_caller]
fn check(text: &str, flow: &Flow, expected: &str) {
    assert_eq!(words(text, flow).join(" "), expected.split_whitespace().collect::<Vec<_>>().join(" "));
}

#[test]
fn a_chain_goes_from_step_to_step_and_its_refusal_back_to_all_before_it() {
    check(
        SEVEN_SERVICES,
        &Flow::Success,
        "order.placed stock.done coupon.done point.done payment.done order.confirmed sales.done",
    );
    let said = words(SEVEN_SERVICES, &Flow::Refused(Step::POINT));
    let at = |word: &str| said.iter().position(|said| said == word).unwrap();
    assert!(at("stock.compensated") < at("order.failed") && at("coupon.compensated") < at("order.failed"));
    assert!(!said.contains(&"payment.done".to_owned()));
}

#[test]
fn commands_go_back_and_forth_between_the_order_and_each_step() {
    check(
        ORCHESTRATED_MESSAGES,
        &Flow::Success,
        "order.placed point.asked point.done coupon.done stock.asked stock.done payment.asked payment.done order.confirmed sales.done",
    );
}

#[test]
fn two_halves_work_side_by_side_and_the_judge_asks_for_payment_after_both() {
    check(
        VALIDATED_ASYNC,
        &Flow::Success,
        "order.placed point.done coupon.done stock.done payment.asked payment.done order.confirmed sales.done",
    );
}
