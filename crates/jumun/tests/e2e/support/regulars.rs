//! Customers who buy all the while, and remember what they were told: by them a fault is judged.
//!
//! Each waits until its order has settled before it places the next one, and asks again under the same key where no answer came.

use super::figures::now;
use super::process::signal;
use super::shop::lines;
use super::{Answer, Client, Home, Person, Shop, figures};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many buy at the same time.
const CUSTOMERS: usize = 8;
const PRICE: i64 = 1_000;
const STOCK: i64 = 1_000_000;
const POINTS: i64 = 100_000_000;

/// What may become of an order that is asked for again then.
#[derive(Clone, Copy)]
pub(crate) struct Again {
    statuses: &'static [u16],
    /// Whether there may be no answer.
    none: bool,
}

impl Again {
    /// Whether the answer is one of these; who is to come again later is told when.
    fn has(self, answer: &Answer) -> bool {
        let is_told = answer.status != 503 || answer.header("retry-after").is_some();
        is_told && self.statuses.contains(&answer.status)
    }
}

/// Whatever a process that is killed leaves its callers with.
pub(crate) const KILLED: Again = Again { statuses: &[409, 502, 503], none: true };
/// The same from behind a gateway that lives.
pub(crate) const KILLED_BEHIND: Again = Again { statuses: &[409, 502, 503], none: false };
/// What one that ends in order may leave them with: the unit is not there for a moment.
pub(crate) const RESTARTED: Again = Again { statuses: &[409, 503], none: false };

/// An order that was asked for.
#[derive(Clone)]
pub(crate) struct Order {
    key: String,
    body: Value,
    customer: Option<usize>,
    asked: Instant,
    /// By the first answer that acknowledged it.
    pub(crate) id: Option<String>,
    /// Since when it has been known to have settled, and how.
    settled: Option<(Instant, String)>,
    /// An answer that nobody should get, or one that said something else than the one before.
    wrong: Option<String>,
    is_lost: bool,
    is_asked_again: bool,
}

impl Order {
    pub(crate) fn status(&self) -> Option<&str> {
        self.settled.as_ref().map(|(_, status)| status.as_str())
    }

    /// Whether an answer was an acknowledgement of another order.
    fn hears(&mut self, answer: &Answer) {
        let id = answer.id();
        if self.id.get_or_insert_with(|| id.clone()) != &id {
            self.is_lost = true;
        }
        if answer.status == 201 {
            let status = answer.str("status").to_owned();
            if self.status().is_some_and(|was| was != status) {
                self.wrong = Some(format!("it was {:?}: {}", self.status(), answer.text));
            }
            self.settled.get_or_insert((now(), status));
        }
    }
}

/// What the customers share.
struct Till {
    client: Client,
    kim: Person,
    mug: String,
    again: Again,
    orders: watch::Sender<Vec<Order>>,
}

impl Till {
    /// Writes an order down, and says which it is.
    fn open(&self, customer: Option<usize>) -> usize {
        let mut at = 0;
        self.orders.send_modify(|orders| {
            at = orders.len();
            let body = match at % 2 {
                0 => json!({"lines": lines(&self.mug, 1), "points": "all"}),
                _ => json!({"lines": lines(&self.mug, 1), "card_token": "tok_ok"}),
            };
            orders.push(Order {
                key: format!("order {at}"),
                body,
                customer,
                asked: now(),
                id: None,
                settled: None,
                wrong: None,
                is_lost: false,
                is_asked_again: false,
            });
        });
        at
    }

    fn note(&self, at: usize, what: impl FnOnce(&mut Order)) {
        self.orders.send_modify(|orders| what(&mut orders[at]));
    }

    /// Places it, again under the same key until it has settled: what a careful client does. It waits for that from the
    /// first, or once the order is taken.
    async fn insist(&self, at: usize, is_waiting: bool) {
        let (key, body) = {
            let orders = self.orders.borrow();
            (orders[at].key.clone(), orders[at].body.clone())
        };
        let mut prefer = if is_waiting { "wait=60" } else { "respond-async" };
        loop {
            let ask = self.client.ask(Method::POST, "/v1/orders").by(&self.kim.token).key(&key);
            let answer = ask.prefer(prefer).json(&body).try_send().await;
            prefer = "wait=60";
            match answer {
                Ok(answer) if [201, 202].contains(&answer.status) => {
                    self.note(at, |order| order.hears(&answer));
                    if answer.status == 201 {
                        return;
                    }
                }
                Ok(answer) if self.again.has(&answer) => {
                    self.note(at, |order| order.is_asked_again = true);
                }
                Err(_) if self.again.none => self.note(at, |order| order.is_asked_again = true),
                odd => {
                    let odd = odd.map(|answer| format!("{} {}", answer.status, answer.text));
                    return self.note(at, |order| order.wrong = Some(format!("{odd:?}")));
                }
            }
        }
    }

    async fn buy_until(self: Arc<Self>, customer: usize, over: Arc<AtomicBool>) {
        while !over.load(Ordering::SeqCst) {
            let order = self.open(Some(customer));
            self.insist(order, order % 4 < 2).await;
            if self.orders.borrow()[order].wrong.is_some() {
                return;
            }
        }
    }
}

/// Customers of one shop, who all buy the same mug in one name.
pub(crate) struct Regulars {
    till: Arc<Till>,
    /// The system, as a table names it.
    system: String,
    /// Whether an order may fail: where it is given less time than the fault takes.
    is_hasty: bool,
}

impl Regulars {
    pub(crate) async fn of(home: &Home, shop: &Shop, again: Again) -> Self {
        Self::called("kim", home, shop, again).await
    }

    /// Others than those of another name.
    pub(crate) async fn called(name: &str, home: &Home, shop: &Shop, again: Again) -> Self {
        let kim = shop.person(name, POINTS).await;
        let mug = shop.product(&format!("MUG-{name}"), PRICE, STOCK).await;
        let till = Till { client: shop.client.clone(), kim, mug, again, orders: watch::Sender::default() };
        let twins = shop.serving.told.units.keys().any(|unit| unit.ends_with("-2"));
        let system = home.parts() + if twins { ", two instances a unit" } else { "" };
        Self { till: Arc::new(till), system, is_hasty: false }
    }

    /// Customers whose orders may fail for the time that something takes; all that they took is given back then.
    pub(crate) fn hasty(mut self) -> Self {
        self.is_hasty = true;
        self.system.push_str(", orders have 30 s");
        self
    }

    /// All orders, in the order in which they were asked for.
    pub(crate) fn orders(&self) -> Vec<Order> {
        self.till.orders.borrow().clone()
    }

    /// Waits until all of it holds; who was answered what nobody should be ends the test.
    async fn until(&self, mut holds: impl FnMut(&[Order]) -> bool) {
        let mut changes = self.till.orders.subscribe();
        let holds = |orders: &Vec<Order>| orders.iter().any(|order| order.wrong.is_some()) || holds(orders);
        let orders = changes.wait_for(holds).await.unwrap();
        for order in orders.iter() {
            assert_eq!(order.wrong, None, "{}", order.key);
        }
    }

    /// Has them buy so much; each order is confirmed.
    pub(crate) async fn buy(&self, orders: usize) {
        let till = &self.till;
        let buy = async |_| till.insist(till.open(None), true).await;
        stream::iter(0..orders).for_each_concurrent(CUSTOMERS, buy).await;
        self.until(|_| true).await;
        for order in self.orders() {
            assert_eq!((order.status(), order.is_lost), (Some("CONFIRMED"), false), "{}", order.key);
        }
        assert_eq!(self.doubled().await, 0);
    }

    /// Has them buy, and returns once they do and some orders have settled: now is the time for harm.
    pub(crate) async fn buying(&self, fault: &str) -> Trial<'_> {
        let first = self.till.orders.borrow().len();
        let over = Arc::new(AtomicBool::new(false));
        let mut customers = JoinSet::new();
        for customer in 0..CUSTOMERS {
            customers.spawn(Arc::clone(&self.till).buy_until(customer, Arc::clone(&over)));
        }
        self.until(|orders| {
            orders[first..].iter().filter(|order| order.settled.is_some()).count() >= CUSTOMERS
        })
        .await;
        Trial { regulars: self, fault: fault.to_owned(), first, over, customers }
    }

    /// Sends a process of the system a signal while they buy, and waits until all that this delays has settled and every unit is ready.
    pub(crate) async fn survive(&self, fault: &str, shop: &Shop, name: &str, process: u32) {
        let trial = self.buying(fault).await;
        let since = now();
        signal(name, process);
        trial.settles(since).await;
        shop.until_ready().await;
    }

    async fn get(&self, path: &str) -> Value {
        loop {
            let ask = self.till.client.ask(Method::GET, path).by(&self.till.kim.token);
            match ask.try_send().await {
                Ok(answer) if answer.status == 200 => return answer.body,
                Ok(answer) => assert!([502, 503].contains(&answer.status), "{}", answer.text),
                Err(error) => assert!(self.till.again.none, "{error}"),
            }
        }
    }

    /// How an order stands.
    pub(crate) async fn status(&self, id: &str) -> String {
        self.get(&format!("/v1/orders/{id}")).await["status"].as_str().unwrap().to_owned()
    }

    /// How many mugs are gone, or points, beyond what was confirmed. (Less than nothing: an order is confirmed that did not take its own.)
    async fn doubled(&self) -> i64 {
        let orders = self.orders();
        let confirmed = orders.iter().filter(|order| order.status() == Some("CONFIRMED"));
        let (mut mugs, mut points) = (0, 0);
        for order in confirmed {
            mugs += 1;
            points += i64::from(order.body["points"].is_string());
        }
        let sold =
            STOCK - self.get(&format!("/v1/products/{}", self.till.mug)).await["stock"].as_i64().unwrap();
        let spent = (POINTS - self.get("/v1/points").await["balance"].as_i64().unwrap()) / PRICE;
        let [mugs, points] = [sold - mugs, spent - points];
        if mugs == 0 { points } else { mugs }
    }

    /// Ends the shop: every order is there once and as it was told, nothing waits for an operator, and the books agree.
    pub(crate) async fn nothing_is_lost(self, home: &Home, shop: Shop) {
        let orders = self.orders().len();
        self.nothing_is_lost_of(orders, home, shop).await;
    }

    /// The same where others have bought as well: so many orders in all.
    pub(crate) async fn nothing_is_lost_of(self, all: usize, home: &Home, shop: Shop) {
        for at in 0..self.orders().len() {
            self.till.insist(at, true).await;
        }
        for order in self.orders() {
            assert_eq!((order.is_lost, order.wrong), (false, None), "{}", order.key);
        }
        let letters = shop.client.get(&shop.admin, "/v1/admin/dead-letters").await;
        assert!(letters.items().is_empty(), "{}", letters.text);
        shop.serving.stop();
        let report = home.audit_is_clean();
        assert_eq!(report["orders"], all, "{report:#}");
        assert_eq!(report["in_flight"]["orders"]["count"], 0, "{report:#}");
    }
}

/// A fault under load: from before it until everything that it touched has settled.
#[must_use]
pub(crate) struct Trial<'a> {
    regulars: &'a Regulars,
    fault: String,
    /// The first of its orders.
    first: usize,
    over: Arc<AtomicBool>,
    customers: JoinSet<()>,
}

impl Trial<'_> {
    /// One more customer comes, whose order is acknowledged before it settles: its id.
    pub(crate) async fn newcomer(&mut self) -> String {
        let till = Arc::clone(&self.regulars.till);
        let at = till.open(None);
        self.customers.spawn(async move { till.insist(at, false).await });
        self.regulars.until(|orders| orders[at].id.is_some()).await;
        self.regulars.orders()[at].id.clone().unwrap()
    }

    /// Waits until everything is settled that was asked for before `since`, and what each customer asked for next: what a fault delays
    /// is either. `since` is when the part was back; where others take over, or it is started again by itself, when it was taken away.
    pub(crate) async fn settles(mut self, since: Instant) {
        let regulars = self.regulars;
        let under_way = |order: &&Order| {
            order.asked <= since && order.settled.as_ref().is_none_or(|(settled, _)| *settled > since)
        };
        let touched = |orders: &[Order]| -> Vec<Order> {
            let next = (0..CUSTOMERS).filter_map(|customer| {
                orders.iter().find(|order| order.customer == Some(customer) && order.asked > since)
            });
            orders.iter().filter(under_way).chain(next).cloned().collect()
        };
        regulars
            .until(|orders| {
                let touched = touched(orders);
                touched.iter().filter(|order| order.asked > since).count() >= CUSTOMERS
                    && touched.iter().all(|order| order.settled.is_some())
            })
            .await;
        self.over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.customers.join_next().await {
            ended.unwrap();
        }
        regulars.until(|_| true).await;
        let orders = regulars.orders();
        let settled = touched(&orders).iter().map(|order| order.settled.as_ref().unwrap().0).max().unwrap();
        self.note(&orders, orders.iter().filter(under_way).count(), settled - since).await;
    }

    async fn note(&self, orders: &[Order], under_way: usize, settled: std::time::Duration) {
        let (regulars, fault) = (self.regulars, &self.fault);
        let ours = &orders[self.first..];
        let count = |is: fn(&Order) -> bool| ours.iter().filter(|order| is(order)).count();
        let lost = count(|order| order.is_lost);
        let failed = count(|order| order.status() != Some("CONFIRMED"));
        let doubled = regulars.doubled().await;
        figures::note(&json!({
            "fault": fault, "system": regulars.system, "orders": ours.len(), "under_way": under_way, "failed": failed,
            "asked_again": count(|order| order.is_asked_again), "lost": lost, "doubled": doubled,
            "settled_ms": u64::try_from(settled.as_millis()).unwrap(),
        }));
        assert_eq!((lost, doubled), (0, 0), "{fault}: what was acknowledged, and what was done");
        assert!(failed == 0 || regulars.is_hasty, "{fault}: {failed} orders failed");
    }
}
