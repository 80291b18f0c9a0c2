//! What each test card does.

use crate::stand::{BRIEF, Stand, cancel, charge, charge_of, check, query, until, word};
use jumun_pg::{PaymentGateway, SimulatorClient};
use payment::gateway::{PgAnswer, PgChargeStatus, PgRequest};
use std::time::Duration;

#[tokio::test]
async fn an_approved_charge_says_what_was_asked_for() {
    let stand = Stand::new().await;
    let PgAnswer::Found(found) = stand.client().call(charge("pay-1", "tok_ok")).await else { panic!() };
    assert_eq!((found.key.as_str(), found.amount, found.currency.as_str()), ("pay-1", 12_000, "KRW"));
    assert_eq!(found.status, PgChargeStatus::Approved);
    assert!(found.created_at_ms > 0);
    assert_eq!(stand.client().call(query("pay-1")).await, PgAnswer::Found(found));
}

#[tokio::test]
async fn any_token_is_approved_and_anything_else_declined_for_good() {
    let stand = Stand::new().await;
    let client = stand.client();
    check(&client, charge("visa", "tok_visa"), "approved").await;
    for (key, card) in [("declined", "tok_decline"), ("invalid", "4242424242424242")] {
        check(&client, charge(key, card), "declined").await;
        check(&client, charge(key, card), "declined").await;
        check(&client, query(key), "declined").await;
        check(&client, cancel(key), "cancel refused").await;
    }
}

#[tokio::test]
async fn a_failing_card_charges_nothing() {
    let stand = Stand::new().await;
    let client = stand.client();
    check(&client, charge("pay-1", "tok_error"), "unknown").await;
    check(&client, query("pay-1"), "not found").await;
    assert_eq!(stand.book(), []);
}

#[tokio::test]
async fn a_charge_without_an_answer_is_unknown_and_a_query_finds_it() {
    let stand = Stand::new().await;
    check(&stand.client_with(BRIEF), charge("pay-1", "tok_timeout_charged"), "unknown").await;
    until(&stand.client(), query("pay-1"), "approved").await;
    check(&stand.client(), charge("pay-1", "tok_timeout_charged"), "approved").await;
    assert_eq!(stand.book().len(), 1);
}

#[tokio::test]
async fn a_silent_card_may_also_have_charged_nothing() {
    let stand = Stand::new().await;
    check(&stand.client_with(BRIEF), charge("pay-1", "tok_timeout_uncharged"), "unknown").await;
    check(&stand.client(), query("pay-1"), "not found").await;
    assert_eq!(stand.book(), []);
}

#[tokio::test]
async fn a_slow_charge_comes_true_after_its_caller_gave_up() {
    let stand = Stand::with(|config| config.slow = BRIEF * 2).await;
    check(&stand.client_with(BRIEF), charge("pay-1", "tok_slow"), "unknown").await;
    until(&stand.client(), query("pay-1"), "approved").await;
    assert_eq!(stand.book().len(), 1);
}

#[tokio::test]
async fn a_charge_that_is_under_way_is_not_begun_twice() {
    let stand = Stand::with(|config| config.slow = Duration::from_secs(3_600)).await;
    let client = stand.client();
    let answer = tokio::select! {
        first = client.call(charge("pay-1", "tok_slow")) => first,
        second = client.call(charge("pay-1", "tok_slow")) => second,
    };
    let PgAnswer::Unknown { detail } = answer else { panic!() };
    assert!(detail.contains("IDEMPOTENT_REQUEST_PROCESSING"), "{detail}");
    // Stopping ends what waits on purpose, and charges nothing for it.
    let folder = stand.folder;
    stand.simulator.stop().await;
    let path = folder.path().join(jumun_pg::simulator::LEDGER_FILE);
    assert_eq!(jumun_pg::Ledger::open_readonly(&path).unwrap().charges().unwrap().count(), 0);
}

#[tokio::test]
async fn a_charge_sent_again_is_the_same_charge() {
    let stand = Stand::new().await;
    let first = stand.client().call(charge("pay-1", "tok_ok")).await;
    assert_eq!(stand.client().call(charge("pay-1", "tok_ok")).await, first);
    assert_eq!(stand.book().len(), 1);
}

#[tokio::test]
async fn a_key_is_not_used_for_another_charge() {
    let stand = Stand::new().await;
    let client = stand.client();
    check(&client, charge("pay-1", "tok_ok"), "approved").await;
    for other in [charge_of("pay-1", "tok_ok", 1), charge("pay-1", "tok_other")] {
        let PgAnswer::Unknown { detail } = client.call(other).await else { panic!() };
        assert!(detail.contains("IDEMPOTENCY_KEY_REUSED"), "{detail}");
    }
    assert_eq!(stand.book().len(), 1);
}

#[tokio::test]
async fn twins_at_the_same_time_are_one_charge() {
    let stand = Stand::new().await;
    let twins: Vec<_> = (0..20)
        .map(|_| {
            let client = stand.client();
            tokio::spawn(async move { client.call(charge("pay-1", "tok_ok")).await })
        })
        .collect();
    for twin in twins {
        let answer = twin.await.unwrap();
        assert!(matches!(word(&answer), "approved" | "unknown"), "{answer:?}");
    }
    assert_eq!(stand.book().len(), 1);
}

#[tokio::test]
async fn nothing_listens_so_nothing_was_sent() {
    let stand = Stand::new().await;
    let client = stand.client();
    stand.simulator.stop().await;
    for request in [charge("pay-1", "tok_ok"), query("pay-1"), cancel("pay-1")] {
        check(&client, request, "not sent").await;
    }
    check(&client, charge("no header can\nhold this", "tok_ok"), "not sent").await;
}

#[tokio::test]
async fn a_key_cannot_name_another_path() {
    let stand = Stand::new().await;
    let client = stand.client();
    for key in ["a/cancel", "../faults", "a?limit=1", "100%", "a b"] {
        check(&client, query(key), "not found").await;
    }
    check(&client, charge("a/b?c#d%", "tok_ok"), "approved").await;
    check(&client, query("a/b?c#d%"), "approved").await;
    check(&client, cancel("a/b?c#d%"), "cancelled").await;
}

#[tokio::test]
async fn the_book_is_paged_oldest_first() {
    let stand = Stand::new().await;
    let gateway: Box<dyn PaymentGateway> = Box::new(stand.client());
    for number in 0..5 {
        gateway.call(charge(&format!("pay-{number}"), "tok_ok")).await;
    }
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let PgAnswer::Page { charges, next } = gateway.call(PgRequest::List { after, limit: 2 }).await else {
            panic!()
        };
        keys.push(charges.into_iter().map(|charge| charge.key).collect::<Vec<_>>());
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(keys, [vec!["pay-0", "pay-1"], vec!["pay-2", "pay-3"], vec!["pay-4"]]);
}

#[test]
fn secrets_are_not_printed() {
    let client: SimulatorClient = crate::stand::client("http://127.0.0.1:1".to_owned(), BRIEF);
    assert!(!format!("{client:?}").contains("sk_sim"));
    let config = jumun_pg::SimulatorConfig::new("data");
    assert!(!format!("{config:?}").contains("sk_sim"));
}
