//! What everybody's books say, in words that no topology can choose.
//!
//! Taken out on purpose:
//!
//! - **Steps**: which are planned, and in which order, is the topology's business (`[saga] order`, `always`), and an order
//!   that is refused at the quote has none. Shown is a step that is not at rest with its order.
//! - **Payments that hold nothing**: a step that compensates before it acted writes no payment, one that acted writes a
//!   cancelled one. Shown is a payment that holds something, or may.
//! - **Histories**: points that were taken and given back leave two entries where steps run side by side, and none where the
//!   refusal came first. Shown is the balance.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Everybody's books.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// What each order came to, in the order in which they were asked for.
    pub orders: Vec<(String, OrderBook)>,
    /// By name.
    pub products: BTreeMap<String, ProductBook>,
    /// Point balances by customer, minor units.
    pub customers: BTreeMap<String, i64>,
    /// By name.
    pub coupons: BTreeMap<String, CouponBook>,
    /// What is not as it should be, whatever was played: dead letters, books that disagree, things that nobody asked for.
    pub odd: Vec<String>,
}

/// What became of what was asked for as one order.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    /// The order's id; `None` if none was made.
    pub id: Option<String>,
    /// Where it stands (`CONFIRMED`), with its reason (`FAILED OUT_OF_STOCK`).
    pub status: String,
    /// Each step and where it stands (`DONE`).
    pub steps: Vec<(String, String)>,
    /// What it is paid with, minor units: card, points, discount.
    pub card: i64,
    /// See `card`.
    pub points: i64,
    /// See `card`.
    pub discount: i64,
    /// Where its payment stands, if there is one.
    pub payment: Option<String>,
    /// What the gateway holds for it, minor units.
    pub held: i64,
    /// What the data platform took about it, in order (`confirmed`).
    pub told: Vec<String>,
    /// What was turned down, with its code (`cancel: ORDER_NOT_CANCELLABLE`).
    pub turned_down: Vec<String>,
}

/// A product.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProductBook {
    /// How many there are.
    pub stock: i64,
    /// How many the catalogue counts as sold.
    pub sold: i64,
    /// How many the best sellers count.
    pub ranked: i64,
}

/// A coupon of a customer.
#[derive(Clone, Debug, Default)]
pub struct CouponBook {
    /// Where it stands.
    pub status: String,
    /// The id of the order that uses it.
    pub order: Option<String>,
}

impl Books {
    /// The lines of what `scene` brought on stage. Names that differ only after a `#` are a crowd: its lines are counted, for
    /// who of a crowd comes first is nobody's promise.
    #[must_use]
    pub fn lines(&self, scene: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, order) in &self.orders {
            lines.push(("order", name, self.order_line(order, name)));
        }
        for (name, product) in &self.products {
            let ProductBook { stock, sold, ranked } = product;
            lines.push(("product", name, format!("stock {stock}, sold {sold}, best sellers {ranked}")));
        }
        for (name, balance) in &self.customers {
            lines.push(("customer", name, format!("{balance} points")));
        }
        for (name, coupon) in &self.coupons {
            lines.push(("coupon", name, self.coupon_line(coupon)));
        }
        let own = lines.into_iter().filter_map(|(kind, name, says)| {
            let name = name.strip_prefix(scene)?.strip_prefix('/')?;
            Some((format!("{kind} {name}"), says))
        });
        crowds(own)
    }

    /// The name under which this order was asked for first.
    fn first_name(&self, id: &str) -> Option<&str> {
        let known = self.orders.iter().find(|(_, order)| order.id.as_deref() == Some(id));
        known.map(|(name, _)| name.as_str())
    }

    fn order_line(&self, order: &OrderBook, name: &str) -> String {
        let Some(id) = &order.id else { return order.turned_down.join(", ") };
        let mut line = match self.first_name(id) {
            Some(first) if first != name => format!("is {}", bare(first)),
            Some(_) | None => order.says(),
        };
        for turned_down in &order.turned_down {
            let _ = write!(line, ", {turned_down}");
        }
        line
    }

    fn coupon_line(&self, coupon: &CouponBook) -> String {
        let user = coupon.order.as_deref().map(|id| self.first_name(id).map_or("nobody's order", bare));
        match user {
            // Which of a crowd has it is nobody's promise.
            Some(order) => format!("{} by {}", coupon.status, crowd(order).unwrap_or(order)),
            None => coupon.status.clone(),
        }
    }
}

impl OrderBook {
    fn says(&self) -> String {
        let mut line = self.status.clone();
        for (name, status) in self.steps.iter().filter(|(_, status)| !self.at_rest_with(status)) {
            let _ = write!(line, ", step {name} {status}");
        }
        if self.stands() {
            for (what, amount) in [("card", self.card), ("points", self.points), ("discount", self.discount)]
            {
                if amount != 0 {
                    let _ = write!(line, ", {what} {amount}");
                }
            }
        }
        if let Some(payment) =
            self.payment.as_deref().filter(|status| !["DECLINED", "CANCELLED"].contains(status))
        {
            let _ = write!(line, ", payment {payment}");
        }
        if self.held != 0 {
            let _ = write!(line, ", gateway holds {}", self.held);
        }
        if !self.told.is_empty() {
            let _ = write!(line, ", told {}", self.told.join(" then "));
        }
        line
    }

    /// It took what it was to be paid with, and has not given it back.
    fn stands(&self) -> bool {
        self.status == "CONFIRMED"
    }

    fn at_rest_with(&self, step: &str) -> bool {
        match self.stands() {
            true => step == "DONE",
            false => ["REFUSED", "COMPENSATED"].contains(&step),
        }
    }
}

/// A name without its scene.
fn bare(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, bare)| bare)
}

/// The crowd that a name belongs to.
fn crowd(name: &str) -> Option<&str> {
    name.split_once('#').map(|(crowd, _)| crowd)
}

/// `subject: what it says` of each; of a crowd, how many say so.
fn crowds(lines: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let mut single = Vec::new();
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (subject, says) in lines {
        match crowd(&subject) {
            None => single.push(format!("{subject}: {says}")),
            Some(crowd) => *counts.entry((crowd.to_owned(), says)).or_default() += 1,
        }
    }
    single.extend(counts.into_iter().map(|((subject, says), count)| format!("{count} × {subject}: {says}")));
    single
}
