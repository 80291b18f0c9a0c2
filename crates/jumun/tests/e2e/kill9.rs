//! The real process, killed with SIGKILL under load and started again on the same data: what a 2xx said still stands, what
//! was not answered does not double, everything ends, and the books agree.
//!
//! `JUMUN_KILL_ROUNDS` kills more often than the few times of a usual run; `JUMUN_KILL_SEED` plays a run's choices again.

mod customers;

use crate::support::{Home, Shop, books};
use customers::{Customer, Placed, Wares};
use futures::{StreamExt, stream};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::unbounded_channel;

in_every_topology!(what_was_acknowledged_outlives_sigkill_and_nothing_is_done_twice);

const ROUNDS: u64 = 3;
const CLIENTS: usize = 32;
const PEOPLE: usize = 4;
/// The most answers that are heard before the server is killed.
const LATEST_KILL: usize = 300;
/// Questions at a time when everything is looked at again.
const LOOKS: usize = 16;

/// Orders that ended in earlier rounds, as they were shown then; with whose they are.
type History = BTreeMap<String, (String, Value)>;

async fn what_was_acknowledged_outlives_sigkill_and_nothing_is_done_twice(topology: &str) {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let rounds = setting("JUMUN_KILL_ROUNDS").unwrap_or(ROUNDS);
    let seed = setting("JUMUN_KILL_SEED").unwrap_or_else(rand::random);
    say(&format!("{topology}: {rounds} rounds, JUMUN_KILL_SEED={seed}"));
    // A payment may be under way while the server is away: that must not use up the budget for it.
    let home = Home::new(topology).with("JUMUN_PG__BUDGET_S", "60");
    let mut random = StdRng::seed_from_u64(seed);
    let mut shop = Shop::open(&home).await;
    let wares = Arc::new(Wares::stock_up(&shop, PEOPLE).await);
    let mut history = History::new();
    for round in 1..=rounds {
        let at = random.random_range(1..=LATEST_KILL);
        let placed = rush_and_kill(shop, &wares, round, at, &mut random).await;
        shop = Shop::open(&home).await;
        for (order, was) in check(&shop, &wares, &placed).await {
            assert!(history.insert(order, was).is_none(), "two keys made one order");
        }
        still_stands(&shop, &history).await;
        assert_eq!(
            books::read(&home.data())["orders"].len(),
            history.len(),
            "an order that nobody asked for"
        );
        let letters = shop.client.get(&shop.admin, "/v1/admin/dead-letters").await;
        assert!(letters.items().is_empty(), "{}", letters.text);
        home.audit_is_clean();
        say(&format!("{topology} round {round}: killed after {at} answers, {}", summary(&placed, &history)));
    }
    say(&String::from_utf8(home.run(&["audit"]).stdout).unwrap());
}

/// Lets everybody order and cancel until `at` answers were heard, and kills the server in the middle of it.
async fn rush_and_kill(
    shop: Shop,
    wares: &Arc<Wares>,
    round: u64,
    at: usize,
    random: &mut StdRng,
) -> Vec<Placed> {
    let killed = Arc::new(AtomicBool::new(false));
    let (answered, mut answers) = unbounded_channel();
    let customers: Vec<_> = (0..CLIENTS)
        .map(|n| Customer {
            client: shop.client.clone(),
            person: n % PEOPLE,
            name: format!("round {round} client {n}"),
            random: StdRng::seed_from_u64(random.random()),
            wares: Arc::clone(wares),
            answered: answered.clone(),
            killed: Arc::clone(&killed),
        })
        .map(|customer| tokio::spawn(customer.shop_until_killed()))
        .collect();
    drop(answered);
    for _ in 0..at {
        answers.recv().await.unwrap();
    }
    // Not always just after an answer: somewhere in the work on the next ones, too.
    for _ in 0..random.random_range(0..3_000) {
        tokio::task::yield_now().await;
    }
    killed.store(true, Ordering::SeqCst);
    shop.serving.kill();
    let mut placed = Vec::new();
    for customer in customers {
        placed.extend(customer.await.unwrap());
    }
    placed
}

/// Sends every order of the round again, answered or not: it is there once and ends. The orders as they ended.
async fn check(shop: &Shop, wares: &Wares, placed: &[Placed]) -> History {
    let ended = placed.iter().map(|placed| async move {
        let person = &wares.people[placed.person];
        let answer = shop.order(person, &placed.key, &placed.body).await;
        placed.is_kept_by(&answer);
        let again = shop.order(person, &placed.key, &placed.body).await;
        assert_eq!(
            (again.id(), again.header("idempotent-replayed")),
            (answer.id(), Some("true")),
            "{}",
            placed.key
        );
        assert_eq!(again.status, 201, "{}", again.text);
        (again.id(), (person.token.clone(), again.body))
    });
    let ended: Vec<_> = stream::iter(ended).buffer_unordered(LOOKS).collect().await;
    let count = ended.len();
    let history = History::from_iter(ended);
    assert_eq!(history.len(), count, "two keys made one order");
    history
}

/// Every order that ended is still as it was shown then.
async fn still_stands(shop: &Shop, history: &History) {
    let looks = history.iter().map(|(order, (token, was))| async move {
        let now = shop.client.get(token, &format!("/v1/orders/{order}")).await;
        assert_eq!((now.status, outcome(&now.body)), (200, outcome(was)));
    });
    stream::iter(looks).buffer_unordered(LOOKS).collect::<Vec<()>>().await;
}

/// What an order's end fixes. (A step that was refused may still hear later that it is compensated.)
fn outcome(order: &Value) -> Value {
    let mut order = order.clone();
    let fields = order.as_object_mut().unwrap();
    fields.retain(|name, _| !["steps", "updated_at"].contains(&name.as_str()));
    order
}

fn summary(placed: &[Placed], history: &History) -> String {
    let unanswered = placed.iter().filter(|placed| placed.id.is_none()).count();
    let cancels = placed.iter().filter(|placed| placed.is_cancelled).count();
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for (_, order) in history.values() {
        let end = [&order["status"], &order["reason"]].map(|text| text.as_str().unwrap_or_default());
        *ends.entry(end.join(" ").trim_end().to_owned()).or_default() += 1;
    }
    let (placed, all) = (placed.len(), history.len());
    format!(
        "{placed} orders placed, {unanswered} unanswered, {cancels} cancels acknowledged; {all} orders so far: {ends:?}"
    )
}

#[expect(clippy::print_stdout, reason = "shown with a failure, and to whoever asks for it with --nocapture")]
fn say(line: &str) {
    println!("{line}");
}
