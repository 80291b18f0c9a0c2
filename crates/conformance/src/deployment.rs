//! What the suite needs of a deployment: few enough verbs that a client over HTTP has them, too.

use crate::books::Books;

/// A shop that runs somewhere. The suite names every thing; the deployment keeps the ids.
///
/// What customers and administrators ask for is *queued*: it has happened once [`Deployment::rest`] returns. A request that
/// is turned down is no fault, it stands in the [`Books`].
pub trait Deployment {
    /// Whether scenes with this need can be played here.
    fn meets(&self, needs: Needs) -> bool;

    /// Signs up a customer and grants them points (minor units).
    fn customer(&mut self, name: &str, points: i64);

    /// Suspends a customer.
    fn suspend(&mut self, customer: &str);

    /// Puts a product on sale: its price in minor units, and how many there are.
    fn product(&mut self, name: &str, price: i64, stock: i64);

    /// Changes a price once everything queued is quoted at the old one, and before any of it is carried out
    /// ([`Needs::StaleQuote`]).
    fn reprice(&mut self, product: &str, price: i64);

    /// Issues `owner` a coupon of a campaign of its own, which takes `off` minor units off.
    fn coupon(&mut self, name: &str, owner: &str, off: i64);

    /// Queues an order. `key` is its idempotency key.
    fn order(&mut self, name: &str, key: &str, basket: &Basket);

    /// Queues the payment of an order that was made without one.
    fn pay(&mut self, order: &str, payment: &Payment);

    /// Queues a cancel by the order's customer.
    fn cancel(&mut self, order: &str);

    /// Until nothing moves that does not wait for time.
    fn rest(&mut self);

    /// Lets seconds pass, and everything that waits for them happen.
    fn pass(&mut self, seconds: u64);

    /// From now on the gateway takes charges in and does not answer; or it has answered all that it held back.
    fn gateway_stuck(&mut self, stuck: bool);

    /// From now on the data platform turns deliveries down for good, or takes them.
    fn platform_refuses(&mut self, refuses: bool);

    /// What everybody's books say now.
    fn books(&mut self) -> Books;
}

/// What a scene needs of a deployment beyond the verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// That something can be changed between a quote and its order: only in a world that is stepped by hand.
    StaleQuote,
    /// That the payment is delivered to the data platform before it counts (`payment_delivery = "inline"`).
    InlineDelivery,
    /// That time passes, and the gateway holds answers back, when the suite says so: not where both go by themselves.
    OwnTime,
    /// That who may not come in can ask all the same: the HTTP door turns them away, and no order is made.
    OpenDoor,
}

/// How a deployment is set: scenes with the same terms are played on the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Terms {
    /// The defaults.
    Usual,
    /// A charge is tried for 5 seconds only: less than the order's deadline.
    Hasty,
}

impl Terms {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Usual, Self::Hasty];
}

/// What a customer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// Who.
    pub customer: String,
    /// Products, and how many of each.
    pub lines: Vec<(String, i64)>,
    /// How to pay; `None` to pay later.
    pub payment: Option<Payment>,
}

/// How a customer wants to pay.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Payment {
    /// The coupon to use.
    pub coupon: Option<String>,
    /// The points to use.
    pub points: Points,
    /// The card for what is left.
    pub card: Option<Card>,
}

/// Points to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Points {
    /// This many.
    Amount(i64),
    /// As many as there are, and as are needed.
    All,
}

impl Default for Points {
    fn default() -> Self {
        Self::Amount(0)
    }
}

/// A card, by what its charge comes to. The tokens are those of the PG simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// It is charged.
    Good,
    /// It is declined.
    Declined,
    /// Its charge times out every time, and takes nothing.
    Unreachable,
}

impl Card {
    /// The token that customers send.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Good => "tok_ok",
            Self::Declined => "tok_decline",
            Self::Unreachable => "tok_timeout_uncharged",
        }
    }
}

impl Payment {
    /// With nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a coupon.
    #[must_use]
    pub fn coupon(self, name: &str) -> Self {
        Self { coupon: Some(name.to_owned()), ..self }
    }

    /// With so many points.
    #[must_use]
    pub fn points(self, amount: i64) -> Self {
        Self { points: Points::Amount(amount), ..self }
    }

    /// With all points that there are.
    #[must_use]
    pub fn all_points(self) -> Self {
        Self { points: Points::All, ..self }
    }

    /// With a card for the rest.
    #[must_use]
    pub fn card(self, card: Card) -> Self {
        Self { card: Some(card), ..self }
    }
}

impl Basket {
    /// Some of one product, to be paid later.
    #[must_use]
    pub fn of(customer: &str, product: &str, count: i64) -> Self {
        Self { customer: customer.to_owned(), lines: vec![(product.to_owned(), count)], payment: None }
    }

    /// And some of another one.
    #[must_use]
    pub fn and(mut self, product: &str, count: i64) -> Self {
        self.lines.push((product.to_owned(), count));
        self
    }

    /// Paid at once.
    #[must_use]
    pub fn paid(self, payment: Payment) -> Self {
        Self { payment: Some(payment), ..self }
    }
}
