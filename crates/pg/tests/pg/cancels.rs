//! Giving money back.

use crate::stand::{Stand, cancel, charge, check, query};
use jumun_pg::simulator::Faults;
use payment::gateway::PgChargeStatus;

#[tokio::test]
async fn a_cancelled_charge_is_cancelled_once_and_says_so_again() {
    let stand = Stand::new().await;
    let client = stand.client();
    check(&client, charge("pay-1", "tok_ok"), "approved").await;
    let first = client.call(cancel("pay-1")).await;
    assert_eq!(client.call(cancel("pay-1")).await, first);
    check(&client, query("pay-1"), "cancelled").await;
    check(&client, charge("pay-1", "tok_ok"), "cancelled").await;
    assert_eq!(stand.book()[0].status, PgChargeStatus::Cancelled);
}

#[tokio::test]
async fn what_was_never_charged_is_not_given_back() {
    let stand = Stand::new().await;
    check(&stand.client(), cancel("pay-1"), "not found").await;
    check(&stand.client(), charge("pay-1", "tok_ok"), "approved").await;
}

#[tokio::test]
async fn a_cancel_fails_five_times_and_a_restart_does_not_start_over() {
    let mut stand = Stand::new().await;
    check(&stand.client(), charge("pay-1", "tok_cancel_error"), "approved").await;
    for _ in 0..3 {
        check(&stand.client(), cancel("pay-1"), "unknown").await;
    }
    stand = stand.restart().await;
    for _ in 3..5 {
        check(&stand.client(), cancel("pay-1"), "unknown").await;
    }
    check(&stand.client(), query("pay-1"), "approved").await;
    check(&stand.client(), cancel("pay-1"), "cancelled").await;
}

#[tokio::test]
async fn a_refused_cancel_is_definite_and_leaves_the_charge() {
    let stand = Stand::new().await;
    let client = stand.client();
    check(&client, charge("kept", "tok_ok"), "approved").await;
    check(&client, charge("given-back", "tok_ok"), "approved").await;
    check(&client, cancel("given-back"), "cancelled").await;
    stand.simulator.faults().set(Faults { cancel_refused: true, ..Faults::default() });
    check(&client, cancel("kept"), "cancel refused").await;
    check(&client, cancel("given-back"), "cancelled").await;
    check(&client, cancel("unknown"), "not found").await;
    stand.simulator.faults().clear();
    check(&client, cancel("kept"), "cancelled").await;
}
