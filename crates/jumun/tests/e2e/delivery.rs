//! `payment_delivery = "inline"` with a receiver of one's own: an order that it does not take fails, and nothing is kept.

use crate::support::shop::lines;
use crate::support::{Home, Shop};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Who is told: what came, and how it is answered from now on.
#[derive(Clone)]
struct Receiver {
    came: Arc<Mutex<Vec<(String, Value)>>>,
    answers: Arc<Mutex<StatusCode>>,
    url: String,
}

impl Receiver {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/told", listener.local_addr().unwrap());
        let receiver =
            Self { came: Arc::default(), answers: Arc::new(Mutex::new(StatusCode::NO_CONTENT)), url };
        let router = Router::new().route("/told", post(Self::hear)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    async fn hear(State(this): State<Self>, headers: HeaderMap, body: String) -> StatusCode {
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        this.came.lock().unwrap().push((id, serde_json::from_str(&body).unwrap()));
        *this.answers.lock().unwrap()
    }

    fn answers(&self, status: StatusCode) {
        *self.answers.lock().unwrap() = status;
    }

    /// Ids and documents of this type about `order`, each as often as it came.
    fn told(&self, kind: &str, order: &str) -> Vec<(String, Value)> {
        let came = self.came.lock().unwrap();
        let about = |body: &Value| body["type"] == kind && body["data"]["order_id"] == order;
        came.iter().filter(|(_, body)| about(body)).cloned().collect()
    }
}

/// A shop in which delivery is a step, and who is told; the topology file is kept as long as the folder.
async fn open() -> (Receiver, Home, Shop, tempfile::TempDir) {
    let receiver = Receiver::open().await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("inline.toml");
    let shipped = include_str!("../../../../topologies/choreographed-parallel.toml");
    let inline = shipped.replace("payment_delivery = \"deferred\"", "payment_delivery = \"inline\"");
    std::fs::write(&file, inline).unwrap();
    let home = Home::new(file.to_str().unwrap())
        .with("JUMUN_DELIVERY__URL", &receiver.url)
        .with("JUMUN_DELIVERY__SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .with("JUMUN_DELIVERY__ALLOW_PRIVATE", "true");
    let shop = Shop::open(&home).await;
    (receiver, home, shop, folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_payment_is_not_taken_by_the_data_platform_fails_and_keeps_nothing() {
    let (receiver, home, shop, _folder) = open().await;
    let kim = shop.person("kim", 5_000).await;
    let mug = shop.product("MUG", 1_000, 5).await;
    let buy = json!({"lines": lines(&mug, 1), "points": 400, "card_token": "tok_ok"});

    let taken = shop.order(&kim, "taken", &buy).await;
    assert_eq!(taken.str("status"), "CONFIRMED", "{}", taken.text);
    let last = taken.body["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["name"], &last["status"]), (&json!("delivery"), &json!("DONE")), "{last}");
    let told = receiver.told("payment.approved", &taken.id());
    assert_eq!(told[0].1["data"]["payment_id"], taken.body["payment_id"], "{told:?}");
    let timeline = format!("/v1/admin/orders/{}/timeline", taken.id());
    let timeline = shop.client.get(&shop.admin, &timeline).await.text;
    assert!(timeline.contains("delivery.pending") && timeline.contains("delivery.done"), "{timeline}");

    for (status, sendings) in [(StatusCode::INTERNAL_SERVER_ERROR, 3), (StatusCode::GONE, 1)] {
        receiver.answers(status);
        let refused = shop.order(&kim, status.as_str(), &buy).await;
        assert_eq!((refused.str("status"), refused.str("reason")), ("FAILED", "DELIVERY_FAILED"), "{status}");
        let told = receiver.told("payment.approved", &refused.id());
        assert_eq!(told.len(), sendings, "{status}");
        assert!(told.iter().all(|one| *one == told[0]), "{status}: one id, one document");
        let payment = format!("/v1/payments/{}", refused.str("payment_id"));
        let payment = shop.client.get(&kim.token, &payment).await;
        assert_eq!(payment.str("status"), "CANCELLED", "{status}");
        assert_eq!((shop.stock(&mug).await, shop.balance(&kim).await), (4, 4_600), "{status}");
    }

    receiver.answers(StatusCode::NO_CONTENT);
    let cancelled = shop.cancel(&kim.token, &taken.id()).await;
    assert_eq!(cancelled.str("status"), "CANCELLED", "{}", cancelled.text);
    drop(shop);
    home.audit_is_clean();
}
