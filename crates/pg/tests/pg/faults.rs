//! Faults that are switched on while the simulator runs.

use crate::stand::{BRIEF, Stand, cancel, charge, check, query, until};
use jumun_pg::simulator::Faults;
use payment::gateway::PgRequest;

#[tokio::test]
async fn an_outage_changes_nothing_and_ends() {
    let stand = Stand::new().await;
    let client = stand.client();
    stand.simulator.faults().set(Faults { outage: true, ..Faults::default() });
    let list = PgRequest::List { after: None, limit: 1 };
    for request in [charge("pay-1", "tok_ok"), query("pay-1"), cancel("pay-1"), list] {
        check(&client, request, "unknown").await;
    }
    stand.simulator.faults().clear();
    check(&client, query("pay-1"), "not found").await;
    check(&client, charge("pay-1", "tok_ok"), "approved").await;
}

#[tokio::test]
async fn a_failure_before_the_charge_charges_nothing() {
    let stand = Stand::new().await;
    stand.simulator.faults().set(Faults { fail_percent: 100, ..Faults::default() });
    check(&stand.client(), charge("pay-1", "tok_ok"), "unknown").await;
    check(&stand.client(), query("pay-1"), "not found").await;
}

#[tokio::test]
async fn a_failure_after_the_charge_leaves_it_in_the_book() {
    let stand = Stand::new().await;
    stand.simulator.faults().set(Faults { charge_then_fail_percent: 100, ..Faults::default() });
    check(&stand.client(), charge("pay-1", "tok_ok"), "unknown").await;
    check(&stand.client(), query("pay-1"), "approved").await;
    check(&stand.client(), charge("pay-1", "tok_ok"), "approved").await;
}

#[tokio::test]
async fn chance_fails_some_and_the_book_has_exactly_the_others() {
    let stand = Stand::with(|config| config.seed = 7).await;
    stand.simulator.faults().set(Faults { fail_percent: 50, ..Faults::default() });
    let mut approved = Vec::new();
    for number in 0..40 {
        let key = format!("pay-{number}");
        if crate::stand::word(&stand.client().call(charge(&key, "tok_ok")).await) == "approved" {
            approved.push(key);
        }
    }
    assert!((1..40).contains(&approved.len()));
    assert_eq!(stand.book().into_iter().map(|charge| charge.key).collect::<Vec<_>>(), approved);
}

#[tokio::test]
async fn a_slow_gateway_does_what_was_asked_all_the_same() {
    let stand = Stand::new().await;
    stand.simulator.faults().set(Faults { slow_ms: 800, ..Faults::default() });
    check(&stand.client_with(BRIEF), charge("pay-1", "tok_ok"), "unknown").await;
    stand.simulator.faults().clear();
    until(&stand.client(), query("pay-1"), "approved").await;
}

#[tokio::test]
async fn a_gateway_that_forgot_its_keys_charges_again_and_the_book_shows_it() {
    let stand = Stand::new().await;
    let client = stand.client();
    check(&client, charge("pay-1", "tok_ok"), "approved").await;
    stand.simulator.faults().set(Faults { forget_keys: true, ..Faults::default() });
    check(&client, query("pay-1"), "not found").await;
    check(&client, charge("pay-1", "tok_ok"), "approved").await;
    assert_eq!(stand.book().len(), 2);

    check(&client, cancel("pay-1"), "cancelled").await;
    stand.simulator.faults().clear();
    // One of the two still holds money, so that is what the key says.
    check(&client, query("pay-1"), "approved").await;
    check(&client, cancel("pay-1"), "cancelled").await;
    check(&client, query("pay-1"), "cancelled").await;
}
