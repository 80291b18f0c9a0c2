//! The quoter: gathers the orders that wait, asks the owners for all their facts at once, quotes each, and sends it to be born.
//!
//! It runs before the order's own batch, outside any transaction: an owner may be another process.

use crate::facts::{Answers, CouponAsk, Facts, load};
use kernel::error::Refused;
use kernel::ids::{OrderId, ProductId, UserId};
use kernel::judge::SagaStatus;
use kernel::{Currency, Money, Plan, Step, Trace};
use order::quote::{self, PayerFacts, Payment, Points, Quoted};
use order::{Born, KeyHash, Order, OrderKey, PayOrder, PlaceOrder, Quote};
use parking_lot::{Condvar, Mutex};
use runtime::ports::clock::Clock;
use runtime::ports::store::{Reader, StoreError};
use runtime::{CommandError, Door};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What waits to be quoted.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A new order.
    Place {
        /// Whose.
        user: UserId,
        /// Products and quantities as asked for.
        lines: Vec<(ProductId, i64)>,
        /// How to pay; `None` for `pay: false`.
        payment: Option<Payment>,
        /// What applications that add participants put here.
        extras: BTreeMap<SmolStr, serde_json::Value>,
    },
    /// The payment of an order that was made with `pay: false`.
    Pay {
        /// Whose it must be.
        user: UserId,
        /// Which.
        order: OrderId,
        /// How.
        payment: Payment,
    },
}

/// How an ask ended, once committed.
pub type Answer = Result<Result<Born, Refused>, CommandError>;

struct Waiting {
    ask: Ask,
    key: KeyHash,
    trace: Trace,
    reply: Box<dyn FnOnce(Answer) + Send>,
}

/// Which steps a plan with these contents needs.
pub type StepsOf = Box<dyn Fn(&Plan) -> Vec<Step> + Send + Sync>;

/// Quotes orders in batches.
pub struct Quoter {
    facts: Box<dyn Facts>,
    orders: Arc<dyn Reader>,
    door: Arc<Door>,
    clock: Arc<dyn Clock>,
    currency: Currency,
    steps_of: StepsOf,
    capacity: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Keys whose first request is not committed yet.
    in_flight: Arc<Mutex<BTreeSet<Arc<[u8]>>>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    closed: bool,
}

/// What a quoter is made of.
pub struct QuoterParts {
    /// Where facts come from.
    pub facts: Box<dyn Facts>,
    /// The orders' database, for keys and drafts.
    pub orders: Arc<dyn Reader>,
    /// Where orders are born.
    pub door: Arc<Door>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The deployment's currency.
    pub currency: Currency,
    /// Which steps a plan needs.
    pub steps_of: StepsOf,
    /// How many may wait.
    pub capacity: usize,
}

impl Quoter {
    /// A quoter; run it on a thread of its own, or step by step.
    #[must_use]
    pub fn new(parts: QuoterParts) -> Arc<Self> {
        Arc::new(Self {
            facts: parts.facts,
            orders: parts.orders,
            door: parts.door,
            clock: parts.clock,
            currency: parts.currency,
            steps_of: parts.steps_of,
            capacity: parts.capacity,
            queue: Mutex::default(),
            changed: Condvar::new(),
            in_flight: Arc::default(),
        })
    }

    /// Queues an ask; `reply` is called once, after its birth is committed or it is refused.
    pub fn ask(&self, ask: Ask, key: KeyHash, trace: Trace, reply: impl FnOnce(Answer) + Send + 'static) {
        let mut queue = self.queue.lock();
        if queue.closed || queue.waiting.len() >= self.capacity {
            drop(queue);
            reply(Err(CommandError::Full("order".to_owned())));
            return;
        }
        queue.waiting.push_back(Waiting { ask, key, trace, reply: Box::new(reply) });
        drop(queue);
        self.changed.notify_one();
    }

    /// Quotes until closed.
    pub fn run(&self, cap: usize) {
        loop {
            let mut queue = self.queue.lock();
            self.changed.wait_while(&mut queue, |queue| queue.waiting.is_empty() && !queue.closed);
            if queue.waiting.is_empty() {
                return;
            }
            drop(queue);
            self.step(cap);
        }
    }

    /// Takes no more; what waits is still quoted.
    pub fn close(&self) {
        self.queue.lock().closed = true;
        self.changed.notify_all();
    }

    /// Quotes at most `cap` of what waits; returns how many.
    pub fn step(&self, cap: usize) -> usize {
        let batch: Vec<Waiting> = {
            let mut queue = self.queue.lock();
            let count = queue.waiting.len().min(cap);
            queue.waiting.drain(..count).collect()
        };
        let count = batch.len();
        let batch = self.admit(batch);
        match self.gather(&batch) {
            Ok(known) => {
                for waiting in batch {
                    self.quote_one(waiting, &known);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "quotes could not be made");
                for Waiting { key, reply, .. } in batch {
                    self.in_flight.lock().remove(&key.key);
                    reply(Err(unavailable(&error)));
                }
            }
        }
        count
    }

    /// Turns away a key whose first request is still before its commit.
    fn admit(&self, batch: Vec<Waiting>) -> Vec<Waiting> {
        let mut admitted = Vec::with_capacity(batch.len());
        for waiting in batch {
            if self.in_flight.lock().insert(Arc::clone(&waiting.key.key)) {
                admitted.push(waiting);
            } else {
                let detail = "the first request with this Idempotency-Key is still under way";
                (waiting.reply)(Ok(Err(Refused::conflict("IDEMPOTENCY_KEY_IN_FLIGHT", detail))));
            }
        }
        admitted
    }

    /// Everything that the owners are asked for this batch: a call per owner, however many orders wait.
    fn gather(&self, batch: &[Waiting]) -> Result<Known, StoreError> {
        let keys = load::<OrderKey>(
            self.orders.as_ref(),
            batch.iter().map(|waiting| (Arc::clone(&waiting.key.key),)),
        )?;
        let mut known = Known { keys: keys.into_iter().map(|key| key.hash).collect(), ..Known::default() };
        let fresh = || batch.iter().filter(|waiting| !known.keys.contains(&waiting.key.key));
        let mut products = BTreeSet::new();
        let (mut users, mut balances, mut orders) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for waiting in fresh() {
            match &waiting.ask {
                Ask::Place { lines, .. } => products.extend(lines.iter().map(|(product, _)| *product)),
                Ask::Pay { order, .. } => orders.push((*order,)),
            }
            let (user, payment) = (user_of(&waiting.ask), payment_of(&waiting.ask));
            users.extend(payment.map(|_| user));
            balances.extend(payment.filter(|payment| self.wants_balance(payment)).map(|_| user));
        }
        let orders = load::<Order>(self.orders.as_ref(), orders)?;
        known.drafts = orders.into_iter().map(|order| (order.id, order)).collect();
        known.products = self.facts.products(&products);
        known.users = self.facts.users(&users);
        known.balances = self.facts.balances(&balances);
        let asks: BTreeSet<CouponAsk> =
            fresh().filter_map(|waiting| self.coupon_ask(&waiting.ask, &known)).collect();
        if !asks.is_empty() {
            known.discounts = self.facts.discounts(&asks, self.clock.now());
        }
        for error in known.errors() {
            tracing::warn!(%error, "some quotes cannot be made");
        }
        Ok(known)
    }

    /// Whether this payment's points are looked up: none where none are used.
    fn wants_balance(&self, payment: &Payment) -> bool {
        match payment.points {
            Points::All => true,
            Points::Amount(amount) => amount != Money::ZERO && self.facts.checks_amounts(),
        }
    }

    /// A coupon is asked about a total, so the lines are priced first.
    fn coupon_ask(&self, ask: &Ask, known: &Known) -> Option<CouponAsk> {
        let user_coupon_id = payment_of(ask)?.user_coupon_id?;
        let total = self.draft(ask, known).ok()?.total;
        Some(CouponAsk { user_coupon_id, user: user_of(ask), total })
    }

    /// The frozen lines of an ask.
    fn draft(&self, ask: &Ask, known: &Known) -> Result<Plan, Refused> {
        match ask {
            Ask::Place { user, lines, extras, .. } => {
                let priced = quote::price(&quote::sum_lines(lines)?, &known.products.found)?;
                Ok(quote::draft(*user, priced, self.currency, extras.clone()))
            }
            Ask::Pay { user, order, .. } => {
                let order = known.drafts.get(order).filter(|order| order.user_id == *user);
                let order = order.ok_or_else(|| Refused::not_found("order"))?;
                if order.status != SagaStatus::Created {
                    let detail = format!("the order is {}", order.status);
                    return Err(Refused::conflict("ORDER_NOT_PAYABLE", detail));
                }
                order
                    .plan()
                    .map(|plan| plan.as_ref().clone())
                    .map_err(|_| Refused::not_found("readable order"))
            }
        }
    }

    /// Why something that this ask needs is not known, if so.
    fn unanswered<'k>(&self, ask: &Ask, known: &'k Known) -> Option<&'k StoreError> {
        known.errors().next()?;
        let lines: &[_] = match ask {
            Ask::Place { lines, .. } => lines,
            Ask::Pay { .. } => &[],
        };
        let (user, payment) = (user_of(ask), payment_of(ask));
        let products = known.products.missing(lines.iter().map(|(product, _)| product));
        products
            .or_else(|| known.users.missing(payment.map(|_| &user)))
            .or_else(|| known.balances.missing(payment.filter(|one| self.wants_balance(one)).map(|_| &user)))
            .or_else(|| known.discounts.missing(self.coupon_ask(ask, known).as_ref()))
    }

    fn quote_one(&self, waiting: Waiting, known: &Known) {
        let Waiting { ask, key, trace, reply } = waiting;
        let in_flight = Arc::clone(&self.in_flight);
        let flying = Arc::clone(&key.key);
        let reply = move |answer: Answer| {
            in_flight.lock().remove(&flying);
            reply(answer);
        };
        if known.keys.contains(&key.key) {
            // It made its order already: the birth finds the key and looks at nothing else.
            let plan = quote::draft(user_of(&ask), nothing(), self.currency, BTreeMap::new());
            self.door.send(PlaceOrder { quote: Quote::Draft(Box::new(plan)), key }, trace, reply);
            return;
        }
        if let Some(error) = self.unanswered(&ask, known) {
            reply(Err(unavailable(error)));
            return;
        }
        match (self.draft(&ask, known), ask) {
            (Err(refused), _) => reply(Ok(Err(refused))),
            (Ok(plan), Ask::Place { payment: None, .. }) => {
                self.door.send(PlaceOrder { quote: Quote::Draft(Box::new(plan)), key }, trace, reply);
            }
            (Ok(plan), Ask::Place { user, payment: Some(payment), .. }) => match self
                .freeze(plan, user, &payment, known)
            {
                Ok(quoted) => self.door.send(PlaceOrder { quote: Quote::Quoted(quoted), key }, trace, reply),
                Err(refused) => reply(Ok(Err(refused))),
            },
            (Ok(plan), Ask::Pay { user, order, payment }) => match self.freeze(plan, user, &payment, known) {
                Ok(quote) => self.door.send(PayOrder { order, user, quote, key }, trace, reply),
                Err(refused) => reply(Ok(Err(refused))),
            },
        }
    }

    fn freeze(&self, plan: Plan, user: UserId, payment: &Payment, known: &Known) -> Result<Quoted, Refused> {
        let ask = payment.user_coupon_id.map(|user_coupon_id| CouponAsk {
            user_coupon_id,
            user,
            total: plan.total,
        });
        let facts = PayerFacts {
            active: Some(known.users.found.get(&user).copied().unwrap_or(false)),
            discount: ask.map(|ask| known.discounts.found.get(&ask).copied()),
            balance: self
                .wants_balance(payment)
                .then(|| known.balances.found.get(&user).copied().unwrap_or(Money::ZERO)),
        };
        quote::freeze(plan, payment, facts, self.steps_of.as_ref())
    }
}

#[derive(Default)]
struct Known {
    keys: BTreeSet<Arc<[u8]>>,
    drafts: BTreeMap<OrderId, Order>,
    products: Answers<ProductId, quote::ProductFact>,
    users: Answers<UserId, bool>,
    balances: Answers<UserId, Money>,
    discounts: Answers<CouponAsk, Money>,
}

impl Known {
    /// Why something is not known, an error per owner that could not be asked.
    fn errors(&self) -> impl Iterator<Item = &StoreError> {
        let owners = [&self.products.error, &self.users.error, &self.balances.error, &self.discounts.error];
        owners.into_iter().flatten()
    }
}

fn unavailable(error: &StoreError) -> CommandError {
    CommandError::Unavailable("quote".to_owned(), error.to_string())
}

fn payment_of(ask: &Ask) -> Option<&Payment> {
    match ask {
        Ask::Place { payment, .. } => payment.as_ref(),
        Ask::Pay { payment, .. } => Some(payment),
    }
}

fn user_of(ask: &Ask) -> UserId {
    match ask {
        Ask::Place { user, .. } | Ask::Pay { user, .. } => *user,
    }
}

fn nothing() -> quote::Priced {
    quote::Priced { lines: Vec::new(), total: Money::ZERO }
}
