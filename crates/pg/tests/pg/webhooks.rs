//! The webhooks that the simulator sends, as a receiver sees them.

use crate::stand::{PATIENT, Stand, cancel, charge, check};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use jumun_pg::simulator::WebhookConfig;
use jumun_pg::webhook::{self, TIMESTAMP, WebhookError, WebhookEvent, WebhookKind};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Delivery = (HeaderMap, Bytes);

struct Receiver {
    url: String,
    deliveries: UnboundedReceiver<Delivery>,
}

impl Receiver {
    async fn start() -> Self {
        let (sender, deliveries) = unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let hook =
            async |State(sender): State<UnboundedSender<Delivery>>, headers: HeaderMap, body: Bytes| {
                sender.send((headers, body)).unwrap();
            };
        let app = Router::new().route("/hook", post(hook)).with_state(sender);
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { url, deliveries }
    }

    async fn delivery(&mut self) -> Delivery {
        tokio::time::timeout(PATIENT, self.deliveries.recv()).await.unwrap().unwrap()
    }

    async fn event(&mut self) -> WebhookEvent {
        let (headers, body) = self.delivery().await;
        webhook::verify(SECRET, &headers, &body, sent_at(&headers)).unwrap()
    }

    async fn keys(&mut self, count: usize) -> Vec<String> {
        let mut keys = Vec::new();
        while keys.len() < count {
            keys.push(self.event().await.key);
        }
        keys
    }
}

fn sent_at(headers: &HeaderMap) -> i64 {
    headers[TIMESTAMP].to_str().unwrap().parse().unwrap()
}

async fn stand(url: &str, duplicate_percent: u8, reorder_percent: u8) -> Stand {
    let secret = SECRET.to_owned();
    let webhook = WebhookConfig { url: url.to_owned(), secret, duplicate_percent, reorder_percent };
    Stand::with(|config| config.webhook = Some(webhook)).await
}

#[tokio::test]
async fn every_change_of_the_book_is_told_and_nothing_else() {
    let mut receiver = Receiver::start().await;
    let stand = stand(&receiver.url, 0, 0).await;
    let client = stand.client();
    check(&client, charge("a", "tok_ok"), "approved").await;
    check(&client, charge("a", "tok_ok"), "approved").await;
    check(&client, charge("b", "tok_decline"), "declined").await;
    check(&client, charge("c", "tok_error"), "unknown").await;
    check(&client, cancel("a"), "cancelled").await;
    check(&client, cancel("a"), "cancelled").await;
    check(&client, charge("d", "tok_ok"), "approved").await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let event = receiver.event().await;
        told.push((event.kind, event.key));
    }
    let expected = [
        (WebhookKind::Approved, "a"),
        (WebhookKind::Declined, "b"),
        (WebhookKind::Cancelled, "a"),
        (WebhookKind::Approved, "d"),
    ];
    assert_eq!(told, expected.map(|(kind, key)| (kind, key.to_owned())));
    assert_eq!(stand.simulator.webhooks_dropped(), 0);
}

#[tokio::test]
async fn a_forged_or_stale_webhook_is_told_apart() {
    let mut receiver = Receiver::start().await;
    let stand = stand(&receiver.url, 0, 0).await;
    check(&stand.client(), charge("a", "tok_ok"), "approved").await;
    let (headers, body) = receiver.delivery().await;
    let now = sent_at(&headers);
    let forged = String::from_utf8(body.to_vec()).unwrap().replace("\"a\"", "\"b\"");
    assert_eq!(webhook::verify(SECRET, &headers, forged.as_bytes(), now), Err(WebhookError::BadSignature));
    assert_eq!(webhook::verify(SECRET, &headers, &body, now + 301), Err(WebhookError::OutsideTolerance));
    webhook::verify(SECRET, &headers, &body, now).unwrap();
}

#[tokio::test]
async fn a_doubled_webhook_keeps_its_id() {
    let mut receiver = Receiver::start().await;
    let stand = stand(&receiver.url, 100, 0).await;
    check(&stand.client(), charge("a", "tok_ok"), "approved").await;
    assert_eq!(receiver.event().await, receiver.event().await);
}

#[tokio::test]
async fn webhooks_overtake_each_other() {
    let mut receiver = Receiver::start().await;
    let stand = stand(&receiver.url, 0, 100).await;
    for key in ["a", "b", "c", "d"] {
        check(&stand.client(), charge(key, "tok_ok"), "approved").await;
    }
    assert_eq!(receiver.keys(4).await, ["b", "a", "d", "c"]);
}

#[tokio::test]
async fn an_event_held_back_is_sent_though_nothing_follows() {
    let mut receiver = Receiver::start().await;
    let stand = stand(&receiver.url, 0, 100).await;
    check(&stand.client(), charge("a", "tok_ok"), "approved").await;
    assert_eq!(receiver.keys(1).await, ["a"]);
}

#[tokio::test]
async fn a_receiver_that_never_answers_keeps_no_charge_waiting() {
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stand = stand(&format!("http://{}/hook", deaf.local_addr().unwrap()), 0, 0).await;
    for number in 0..50 {
        check(&stand.client(), charge(&format!("pay-{number}"), "tok_ok"), "approved").await;
    }
}
