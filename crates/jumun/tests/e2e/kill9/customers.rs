//! Who orders and cancels until the server is gone, and remembers what was acknowledged.

use crate::support::shop::lines;
use crate::support::{Answer, Client, Person, Shop};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::UnboundedSender;

/// People and what they can order.
pub(super) struct Wares {
    pub(super) people: Vec<Person>,
    /// Two that never run out, and one that soon does.
    products: [String; 3],
    /// One coupon a person: many orders want it.
    coupons: Vec<String>,
}

impl Wares {
    pub(super) async fn stock_up(shop: &Shop, people: usize) -> Self {
        let campaign = shop.campaign(100).await;
        let (mut everybody, mut coupons) = (Vec::new(), Vec::new());
        for n in 0..people {
            let person = shop.person(&format!("person{n}"), 10_000_000).await;
            coupons.push(shop.coupon(&person, &campaign).await);
            everybody.push(person);
        }
        let (mug, tea) =
            (shop.product("MUG", 1_000, 1_000_000).await, shop.product("TEA", 700, 1_000_000).await);
        Self { people: everybody, products: [mug, tea, shop.product("RARE", 5_000, 40).await], coupons }
    }

    /// An order of `person`: by points, by card, by both, declined, with a coupon.
    fn wish(&self, person: usize, random: &mut StdRng) -> Value {
        let product =
            self.products.choose_weighted(random, |product| if *product == self.products[2] { 1 } else { 4 });
        let lines = lines(product.unwrap(), random.random_range(1..=3));
        match random.random_range(0..5) {
            0 => json!({"lines": lines, "points": "all"}),
            1 => json!({"lines": lines, "card_token": "tok_ok"}),
            2 => json!({"lines": lines, "points": 300, "card_token": "tok_ok"}),
            3 => json!({"lines": lines, "points": 200, "card_token": "tok_decline"}),
            _ => {
                json!({"lines": lines, "points": 100, "card_token": "tok_ok", "user_coupon_id": self.coupons[person]})
            }
        }
    }
}

/// An order that was asked for.
pub(super) struct Placed {
    pub(super) person: usize,
    pub(super) key: String,
    pub(super) body: Value,
    /// If a 2xx acknowledged it.
    pub(super) id: Option<String>,
    /// Whether a 2xx acknowledged its cancel.
    pub(super) is_cancelled: bool,
}

impl Placed {
    /// `answer`, to the same request after the crash, says nothing else than what was acknowledged before it.
    pub(super) fn is_kept_by(&self, answer: &Answer) {
        assert_eq!(answer.status, 201, "{}: {}", self.key, answer.text);
        if let Some(id) = &self.id {
            let said = (answer.str("id"), answer.header("idempotent-replayed"));
            assert_eq!(said, (id.as_str(), Some("true")), "{}: an acknowledged order is lost", self.key);
        }
        let is_undone = ["CANCELLED", "FAILED"].contains(&answer.str("status"));
        assert!(
            is_undone || !self.is_cancelled,
            "{}: an acknowledged cancel is lost: {}",
            self.key,
            answer.text
        );
    }
}

/// Orders and cancels, one after the other.
pub(super) struct Customer {
    pub(super) client: Client,
    /// Index among the people.
    pub(super) person: usize,
    pub(super) name: String,
    pub(super) random: StdRng,
    pub(super) wares: Arc<Wares>,
    /// Told of every answer.
    pub(super) answered: UnboundedSender<()>,
    pub(super) killed: Arc<AtomicBool>,
}

impl Customer {
    /// Until no answer comes any more: everything that was asked for.
    pub(super) async fn shop_until_killed(mut self) -> Vec<Placed> {
        let mut placed = Vec::new();
        loop {
            let order = self.place(format!("{} order {}", self.name, placed.len())).await;
            let is_answered = order.id.is_some();
            placed.push(order);
            if !is_answered {
                return placed;
            }
            if self.random.random_ratio(1, 4) {
                let at = self.random.random_range(0..placed.len());
                match self.cancel(placed[at].id.as_deref().unwrap()).await {
                    Some(is_cancelled) => placed[at].is_cancelled |= is_cancelled,
                    None => return placed,
                }
            }
        }
    }

    async fn place(&mut self, key: String) -> Placed {
        let body = self.wares.wish(self.person, &mut self.random);
        let prefer = if self.random.random() { "wait=30" } else { "respond-async" };
        let answer = self.send(Method::POST, "/v1/orders", &key, prefer, &body).await;
        let id = answer.map(|answer| {
            assert!([201, 202].contains(&answer.status), "{} {}", answer.status, answer.text);
            answer.id()
        });
        Placed { person: self.person, key, body, id, is_cancelled: false }
    }

    /// Whether the cancel was acknowledged, if an answer came.
    async fn cancel(&mut self, order: &str) -> Option<bool> {
        let prefer = if self.random.random() { "wait=30" } else { "respond-async" };
        let path = format!("/v1/orders/{order}/cancel");
        let answer = self.send(Method::POST, &path, "", prefer, &json!({})).await?;
        if answer.status >= 300 {
            assert_eq!(answer.problem(), (409, "ORDER_NOT_CANCELLABLE"));
        }
        Some(answer.status < 300)
    }

    /// The answer, if one came. None comes only from a server that was killed.
    async fn send(
        &self,
        method: Method,
        path: &str,
        key: &str,
        prefer: &str,
        body: &Value,
    ) -> Option<Answer> {
        let ask =
            self.client.ask(method, path).by(&self.wares.people[self.person].token).prefer(prefer).json(body);
        let ask = if key.is_empty() { ask } else { ask.key(key) };
        match ask.try_send().await {
            Ok(answer) => {
                // Nobody listens once enough was heard.
                let _ = self.answered.send(());
                Some(answer)
            }
            Err(error) => {
                assert!(self.killed.load(Ordering::SeqCst), "no answer before the kill: {error:?}");
                None
            }
        }
    }
}
