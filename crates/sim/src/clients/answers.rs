//! What clients are told: a plain mirror of what the public API shows.

use super::requests::{Amount, Id, Terms};
use std::fmt;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was answered.
    Answer(Answer),
    /// No answer came in time: it may have been done, may be done later, or never.
    Lost,
    /// 500 or 503. Whether something was done is not believed either way.
    Unavailable,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An order.
    Order(Box<Order>),
    /// A page of orders, from the read model.
    Orders(Listed<Order>),
    /// A product.
    Product(Product),
    /// A point balance.
    Balance(Amount),
    /// A page of a balance's changes.
    History(Listed<Change>),
    /// A top-up.
    TopUp(TopUp),
    /// A campaign.
    Campaign(Campaign),
    /// A page of campaigns.
    Campaigns(Listed<Campaign>),
    /// A user's coupon.
    Coupon(Coupon),
    /// A page of a user's coupons.
    Coupons(Listed<Coupon>),
    /// A user.
    User(User),
    /// Products that sold, best first: which, and how many.
    BestSellers(Vec<(Id, Amount)>),
    /// A page of dead letters.
    Letters(Listed<Letter>),
    /// It was refused; nothing was done.
    Refused(Refused),
}

/// A refusal that is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status (4xx).
    pub status: u16,
    /// The stable code.
    pub code: String,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// What stands on it.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` if there is none.
    pub next: Option<Id>,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Made, not yet to be paid.
    Created,
    /// Under way.
    Pending,
    /// Done.
    Confirmed,
    /// Being compensated.
    Failing,
    /// Given up, everything given back.
    Failed,
    /// Done, and being taken back.
    Cancelling,
    /// Done, and taken back.
    Cancelled,
}

impl Status {
    /// Nothing more happens by itself.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Confirmed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Confirmed => "CONFIRMED",
            Self::Failing => "FAILING",
            Self::Failed => "FAILED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
        })
    }
}

/// An order, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: Id,
    /// Whose.
    pub user: Id,
    /// Where it stands.
    pub status: Status,
    /// Why it is failing or failed.
    pub reason: Option<String>,
    /// What is bought, a line a product.
    pub lines: Vec<Line>,
    /// Before discount.
    pub total: Amount,
    /// What the coupon takes off.
    pub discount: Amount,
    /// What points pay.
    pub points_used: Amount,
    /// What the card pays.
    pub card_amount: Amount,
    /// The coupon used.
    pub coupon: Option<Id>,
    /// Its payment, once it is to be paid: also the PG's key.
    pub payment: Option<Id>,
    /// The planned steps.
    pub steps: Vec<Step>,
}

/// A line of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// The product.
    pub product: Id,
    /// How many.
    pub quantity: Amount,
    /// The price of one.
    pub unit_price: Amount,
    /// Of the line.
    pub amount: Amount,
}

/// A planned step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which: `stock`, `coupon`, `point`, `payment`, `delivery`.
    pub name: String,
    /// How it ended.
    pub status: StepStatus,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepStatus {
    /// Not known yet.
    Unknown,
    /// It took effect.
    Done,
    /// It refused.
    Refused,
    /// Nothing of it is in effect.
    Compensated,
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "UNKNOWN",
            Self::Done => "DONE",
            Self::Refused => "REFUSED",
            Self::Compensated => "COMPENSATED",
        })
    }
}

/// A product, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: Id,
    /// Its SKU.
    pub sku: String,
    /// Of one.
    pub price: Amount,
    /// Pieces.
    pub stock: Amount,
}

/// One change of a balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its id.
    pub id: Id,
    /// Why.
    pub kind: ChangeKind,
    /// What was added; negative where taken.
    pub amount: Amount,
    /// The balance after it.
    pub balance: Amount,
    /// The order that used or got back.
    pub order: Option<Id>,
    /// The administrator's reason.
    pub reason: Option<String>,
}

/// Why a balance changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// An order used points (`USE`).
    Used,
    /// An order gave them back (`REFUND`).
    Refunded,
    /// An administrator granted (`GRANT`).
    Granted,
    /// An administrator took (`TAKE`).
    Taken,
    /// A top-up (`TOP_UP`).
    ToppedUp,
    /// A top-up was taken back (`TOP_UP_CANCEL`).
    TopUpCancelled,
}

/// A top-up, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// Its id: also the PG's key.
    pub id: Id,
    /// Where it stands.
    pub status: TopUpStatus,
    /// Charged and credited.
    pub amount: Amount,
}

/// Where a top-up stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopUpStatus {
    /// Under way.
    Pending,
    /// Charged and credited.
    Completed,
    /// Not charged.
    Declined,
    /// Charged, and given back.
    Cancelled,
}

impl fmt::Display for TopUpStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::Declined => "DECLINED",
            Self::Cancelled => "CANCELLED",
        })
    }
}

/// A campaign, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Its id.
    pub id: Id,
    /// What it offers now.
    pub terms: Terms,
    /// How many are given out.
    pub issued: Amount,
    /// Whether it gives out none.
    pub stopped: bool,
}

/// A user's coupon, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Its id.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// Where it stands.
    pub status: CouponStatus,
    /// The order that uses it.
    pub order: Option<Id>,
}

/// Where a user's coupon stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CouponStatus {
    /// It can be used.
    Issued,
    /// An order uses it.
    Used,
    /// It was not used in time.
    Expired,
}

impl fmt::Display for CouponStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issued => "ISSUED",
            Self::Used => "USED",
            Self::Expired => "EXPIRED",
        })
    }
}

/// A user, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: Id,
    /// Whether they are suspended.
    pub suspended: bool,
}

/// A dead letter, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its id.
    pub id: Id,
    /// The order (or top-up) that it is about.
    pub order: Option<Id>,
    /// The step that it is about.
    pub step: Option<String>,
    /// What could not go on: `COMPENSATION`, `PAYMENT`, `DELIVERY`, `POISON`, `PRUNED`, `RECONCILIATION`.
    pub kind: String,
}

/// One charge in the PG's own book: a witness from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgCharge {
    /// The key that it was made under: a payment's or a top-up's id as text (a UUID, with or without hyphens).
    pub key: String,
    /// Charged.
    pub amount: Amount,
    /// What the book says of it.
    pub status: PgStatus,
}

/// What the PG's book says of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PgStatus {
    /// The money was taken, and is held.
    Held,
    /// The card was refused; nothing was taken.
    Declined,
    /// The money was taken, and given back.
    GivenBack,
}

/// One delivery that the data platform took: a witness from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id that it dedupes by.
    pub id: String,
    /// Which word.
    pub word: Word,
    /// The order that it is about.
    pub order: Id,
    /// Whose order it says that it is.
    pub user: Id,
    /// The reason that it tells, of an order that failed.
    pub reason: Option<String>,
    /// What it says was bought.
    pub lines: Vec<Line>,
    /// Before discount.
    pub total: Amount,
    /// What the coupon takes off.
    pub discount: Amount,
    /// What points pay.
    pub points_used: Amount,
    /// What the card pays.
    pub card_amount: Amount,
}

/// What is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// `order.confirmed`.
    Confirmed,
    /// `order.failed`.
    Failed,
    /// `order.cancelled`.
    Cancelled,
    /// `payment.approved`, where delivery is a step.
    PaymentApproved,
    /// `payment.cancelled`, where delivery is a step.
    PaymentCancelled,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirmed => "order.confirmed",
            Self::Failed => "order.failed",
            Self::Cancelled => "order.cancelled",
            Self::PaymentApproved => "payment.approved",
            Self::PaymentCancelled => "payment.cancelled",
        })
    }
}

impl Answer {
    /// A refusal.
    #[must_use]
    pub fn refused(status: u16, code: &str) -> Self {
        Self::Refused(Refused { status, code: code.to_owned() })
    }
}
