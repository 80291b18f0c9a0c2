//! A shipped topology set up small: the databases that an order's saga touches, with the real domains in them.

use crate::rows::{Map, Rows, put};
use crate::seam::Seam;
use crate::view::Books;
use crate::world::{Basket, Supply, World};
use anyhow::Context;
use coupon::{Discount, UserCoupon, UserCouponStatus};
use kernel::ids::{CountingIds, CouponId, Ids, OrderId, PaymentId, ProductId, UserCouponId, UserId};
use kernel::plan::{CardToken, PlanCoupon, PlanLine};
use kernel::routing::Routing;
use kernel::testbed::bare_plan;
use kernel::time::Backoff;
use kernel::topology::{PaymentDelivery, Topology};
use kernel::{Currency, Domain, DomainName, Json, Money, Plan, Step, Timestamp};
use order::quote::Quoted;
use order::{KeyHash, PlaceOrder, Quote};
use point::Points;
use product::{Product, ProductStatus};
use runtime::Registry;
use shop::{Domains, Policies};
use smol_str::format_smolstr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The topologies that ship, and the one that can deliver inline doing so.
pub const SHIPPED: &[(&str, &str)] = &[
    ("monolith", include_str!("../../../topologies/monolith.toml")),
    ("orchestrated-calls", include_str!("../../../topologies/orchestrated-calls.toml")),
    ("choreographed-parallel", include_str!("../../../topologies/choreographed-parallel.toml")),
    (INLINE, include_str!("../../../topologies/choreographed-parallel.toml")),
    ("validated-async", include_str!("../../../topologies/validated-async.toml")),
    ("seven-services", include_str!("../../../topologies/seven-services.toml")),
    ("orchestrated-messages", include_str!("../../../topologies/orchestrated-messages.toml")),
];

/// `choreographed-parallel` with delivery to the data platform as a step of the saga.
const INLINE: &str = "choreographed-parallel, inline";

/// Time stands still: a timer passes when the model says so, not when a clock does.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

const USER: UserId = UserId(Uuid::from_u128(1));
const PRODUCT: ProductId = ProductId(Uuid::from_u128(2));
const COUPON: UserCouponId = UserCouponId(Uuid::from_u128(3));
const PRICE: i64 = 1_000;

/// A topology, the databases of it that matter here, and the plan of an order.
pub struct Deployment {
    name: String,
    topology: Topology,
    routing: Arc<Routing>,
    homes: Vec<Home>,
    plan: Plan,
    orders: Vec<OrderId>,
    supply: Supply,
}

/// One database.
pub struct Home {
    /// Its name in the topology.
    pub name: String,
    /// The domains here that an order's saga touches.
    pub domains: Vec<Arc<dyn Domain>>,
}

impl Deployment {
    /// The topology called `name` as `world` needs it, with `seam` around its domains.
    ///
    /// # Errors
    /// If there is no such topology.
    pub fn new(name: &str, world: &World, seam: &dyn Seam) -> anyhow::Result<Self> {
        let (_, text) = SHIPPED
            .iter()
            .find(|(known, _)| *known == name)
            .with_context(|| format!("no topology {name}"))?;
        let text = match name {
            INLINE => text.replace("payment_delivery = \"deferred\"", "payment_delivery = \"inline\""),
            _ => (*text).to_owned(),
        };
        let (topology, registry) = Domains::new(policies(world)).place(&text)?;
        let basket = match topology.payment_delivery {
            PaymentDelivery::Inline => world.basket.beside_delivery(),
            PaymentDelivery::Deferred => world.basket,
        };
        let mut plan = plan_of(basket)?;
        plan.steps = shop::domains::steps_of(&topology, &registry)(&plan);
        let routing = Arc::new(registry.routing(&topology));
        let mut touched: Vec<DomainName> = vec![order::NAME];
        touched.extend(plan.steps.iter().filter_map(|step| routing.runner(step).cloned()));
        touched.extend(routing.runner(&Step::SALES).cloned().filter(|_| world.followers));
        let homes = homes(&topology, &registry, &touched, seam);
        let orders = (0..world.orders).map(|number| OrderId(ids(number).next())).collect();
        Ok(Self { name: name.to_owned(), topology, routing, homes, plan, orders, supply: world.supply })
    }

    /// What it is called: the topology's name, and how it is set where that is not as shipped.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The topology.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Its routes, compiled.
    #[must_use]
    pub fn routing(&self) -> &Arc<Routing> {
        &self.routing
    }

    /// The databases.
    #[must_use]
    pub fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// The planned steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.plan.steps
    }

    /// The orders' ids, in the order in which they are placed.
    #[must_use]
    pub fn orders(&self) -> &[OrderId] {
        &self.orders
    }

    /// Which order `id` is.
    #[must_use]
    pub fn number(&self, id: Uuid) -> Option<usize> {
        self.orders.iter().position(|order| order.0 == id)
    }

    /// The database of `domain`, if it matters here.
    #[must_use]
    pub fn home_of(&self, domain: &DomainName) -> Option<usize> {
        self.homes.iter().position(|home| home.domains.iter().any(|known| known.name() == *domain))
    }

    /// The database of `step`.
    #[must_use]
    pub fn home_of_step(&self, step: &Step) -> Option<usize> {
        self.home_of(self.routing.runner(step)?)
    }

    /// The plan as it is quoted.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether a step calls somebody who may refuse.
    #[must_use]
    pub fn calls(&self) -> bool {
        self.plan.card.is_some() || self.plan.has(&Step::DELIVERY)
    }

    /// A client's request for order `number`.
    #[must_use]
    pub fn request(&self, number: usize) -> PlaceOrder {
        let key: Arc<[u8]> = Arc::from(number.to_be_bytes().as_slice());
        PlaceOrder {
            quote: Quote::Quoted(Quoted::Plan(Box::new(self.plan.clone()))),
            key: KeyHash { body: Arc::clone(&key), key },
        }
    }

    /// The payment's id of order `number`, by which the PG knows it.
    #[must_use]
    pub fn payment(number: usize) -> PaymentId {
        let mut ids = ids(number);
        ids.next();
        PaymentId(ids.next())
    }

    /// How the databases may begin: once for each choice of what is short.
    #[must_use]
    pub fn beginnings(&self) -> Vec<Vec<Arc<Rows>>> {
        let scarce = [Step::STOCK, Step::COUPON, Step::POINT].into_iter().filter(|step| self.needs(step));
        let scarce: Vec<Step> = scarce.collect();
        let choices = if self.supply == Supply::AnyShort { 1_u32 << scarce.len() } else { 1 };
        let choose = |choice: u32| {
            let short = scarce.iter().enumerate().filter(|(at, _)| choice & (1 << at) != 0);
            self.beginning(&short.map(|(_, step)| step).collect::<Vec<_>>())
        };
        (0..choices).map(choose).collect()
    }

    /// Whether the plan takes anything for `step`: a step that is planned always may have nothing to do.
    fn needs(&self, step: &Step) -> bool {
        self.plan.has(step) && (*step != Step::POINT || !self.plan.points.is_zero())
    }

    fn beginning(&self, short: &[&Step]) -> Vec<Arc<Rows>> {
        let one_for = i64::try_from(self.orders.len()).unwrap_or(i64::MAX);
        let fits = if self.supply == Supply::ForOne { 1 } else { one_for };
        let begin = |home: &Home| {
            let (mut map, mut opening) = (Map::new(), BTreeMap::new());
            for domain in &home.domains {
                let enough = |step: &Step| if short.contains(&step) { 0 } else { fits };
                match domain.name() {
                    name if name == product::NAME => {
                        put(&mut map, &product(enough(&Step::STOCK), &self.plan));
                        opening.insert(format_smolstr!("stock:{PRODUCT}"), enough(&Step::STOCK));
                    }
                    name if name == point::NAME => {
                        let balance = self.plan.points.times(enough(&Step::POINT)).unwrap_or(Money::ZERO);
                        put(&mut map, &Points { user_id: USER, balance, updated_at: NOW, last_entry: None });
                        opening.insert(format_smolstr!("points:{USER}"), balance.minor());
                    }
                    name if name == coupon::NAME => {
                        let usable = !short.contains(&&Step::COUPON);
                        put(&mut map, &user_coupon(usable, self.plan.discount()));
                        opening.insert(format_smolstr!("user_coupon:{COUPON}"), i64::from(usable));
                    }
                    _ => {}
                }
            }
            let books = Books::new(home.domains.clone(), self.orders.clone(), opening);
            Arc::new(Rows::new(map, Arc::new(books)))
        };
        self.homes.iter().map(begin).collect()
    }
}

/// The ids that order `number` and its payment get: the same however it came about.
#[must_use]
pub fn ids(number: usize) -> CountingIds {
    CountingIds::new(NOW.0.unsigned_abs() + u64::try_from(number).unwrap_or_default())
}

fn homes(topology: &Topology, registry: &Registry, touched: &[DomainName], seam: &dyn Seam) -> Vec<Home> {
    let here = |database: &kernel::topology::Database| {
        let domains = registry.of(database).into_iter().filter(|domain| touched.contains(&domain.name()));
        let domains: Vec<_> = domains.map(|domain| seam.domain(domain)).collect();
        (!domains.is_empty()).then(|| Home { name: database.name.clone(), domains })
    };
    topology.databases().iter().filter_map(here).collect()
}

/// Waits stand for nothing here. The PG settles at once, so that "not found" is final when it is said.
fn policies(world: &World) -> Policies {
    let mut policies = Policies::new(Currency::KRW, "pg");
    policies.payment.slack = Duration::ZERO;
    policies.payment.settling = Duration::ZERO;
    policies.delivery.step.budget = 2;
    policies.order.patience.budget = world.patience;
    policies.order.patience.resend = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(1) };
    policies
}

fn plan_of(basket: Basket) -> anyhow::Result<Plan> {
    let off = match basket {
        Basket { coupon: false, .. } => 0,
        Basket { points: false, card: false, .. } => PRICE,
        Basket { .. } => 100,
    };
    let points = match basket {
        Basket { points: false, .. } => 0,
        Basket { card: true, .. } => 300,
        Basket { .. } => PRICE - off,
    };
    // What nothing pays for is free.
    let price = if basket.coupon || basket.points || basket.card { PRICE } else { 0 };
    let amount = |minor: i64| Money::new(minor);
    Ok(Plan {
        lines: vec![PlanLine {
            product_id: PRODUCT,
            sku: "mug".into(),
            name: "Mug".into(),
            quantity: 1,
            unit_price: amount(price)?,
        }],
        coupon: match basket.coupon {
            true => Some(PlanCoupon { user_coupon_id: COUPON, discount: amount(off)? }),
            false => None,
        },
        total: amount(price)?,
        points: amount(points)?,
        card_amount: amount(price - off - points)?,
        card: basket.card.then(|| CardToken("tok".into())),
        ..bare_plan(0, USER)
    })
}

fn product(stock: i64, plan: &Plan) -> Product {
    Product {
        id: PRODUCT,
        sku: "mug".into(),
        name: "Mug".into(),
        price: plan.total,
        stock,
        sold: 0,
        status: ProductStatus::Active,
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// The user's one coupon; one that is not usable was used by an order of long ago.
fn user_coupon(usable: bool, discount: Money) -> UserCoupon {
    let valid_until = NOW.after(Duration::from_secs(86_400));
    UserCoupon {
        id: COUPON,
        coupon_id: CouponId(Uuid::from_u128(4)),
        user_id: USER,
        status: if usable { UserCouponStatus::Issued } else { UserCouponStatus::Used },
        order_id: (!usable).then(|| OrderId(Uuid::from_u128(5))),
        discount: Json(Discount::Fixed { amount: discount }),
        min_order_amount: None,
        valid_from: NOW,
        valid_until,
        issued_at: NOW,
        used_at: (!usable).then_some(NOW),
        expires_at: usable.then_some(valid_until),
    }
}
