//! What clients ask: a plain mirror of the public API, in words of its own. Ids are `u128`, amounts `i64` minor units, times
//! milliseconds since the Unix epoch.

use std::fmt;

/// An id that the shop gave (a UUID as a number).
pub type Id = u128;
/// Minor units of money, or pieces.
pub type Amount = i64;
/// Milliseconds since the Unix epoch, by the run's own clock, which nothing disturbs.
pub type Millis = i64;

/// Tells one request from another; never used twice in a run. A request that is sent again has a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request, as it leaves a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its own id: whoever answers names it.
    pub id: RequestId,
    /// Who asks.
    pub from: Caller,
    /// What is asked.
    pub ask: Ask,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Caller {
    /// Nobody in particular: sign-up, the catalogue, best sellers.
    Anyone,
    /// A customer, by the id that the sign-up gave. A suspended one is turned away at the door (401).
    Customer(Id),
    /// The administrator.
    Admin,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// `POST /v1/users`: answered [`User`](super::Answer::User).
    SignUp {
        /// Unique.
        email: String,
    },
    /// `PATCH /v1/users/{id}`: answered [`User`](super::Answer::User).
    SetSuspended {
        /// Whom.
        user: Id,
        /// Suspended, or active again.
        suspended: bool,
    },
    /// `POST /v1/users/{id}/points`: answered [`Balance`](super::Answer::Balance).
    AdjustPoints {
        /// Whose.
        user: Id,
        /// Granted; taken where negative.
        adjust: Amount,
        /// Unique: the customer's history shows it.
        reason: String,
    },
    /// `POST /v1/products`: answered [`Product`](super::Answer::Product).
    CreateProduct {
        /// Unique.
        sku: String,
        /// Of one.
        price: Amount,
        /// Pieces.
        stock: Amount,
    },
    /// `PATCH /v1/products/{id}`: answered [`Product`](super::Answer::Product).
    SetPrice {
        /// Which.
        product: Id,
        /// The new one.
        price: Amount,
    },
    /// `POST /v1/products/{id}/stock`: answered [`Product`](super::Answer::Product).
    AdjustStock {
        /// Which.
        product: Id,
        /// Pieces added; taken where negative.
        adjust: Amount,
    },
    /// `POST /v1/coupons`: answered [`Campaign`](super::Answer::Campaign).
    CreateCampaign(Terms),
    /// `PATCH /v1/coupons/{id}`: answered [`Campaign`](super::Answer::Campaign). What is not given stays.
    PatchCampaign {
        /// Which.
        campaign: Id,
        /// How many there are now.
        quantity: Option<Amount>,
        /// Whether it gives out none.
        stopped: Option<bool>,
    },
    /// `POST /v1/coupons/{id}/issue`: answered [`Coupon`](super::Answer::Coupon).
    TakeCoupon {
        /// The campaign.
        campaign: Id,
    },
    /// `POST /v1/orders`: answered [`Order`](super::Answer::Order).
    Place {
        /// The `Idempotency-Key`.
        key: Key,
        /// Products and quantities, as asked for: the same product may stand in two lines.
        lines: Vec<(Id, Amount)>,
        /// How it is paid; `None` for `pay: false`.
        payment: Option<Payment>,
    },
    /// `POST /v1/orders/{id}/payments`: answered [`Order`](super::Answer::Order).
    Pay {
        /// The `Idempotency-Key`.
        key: Key,
        /// Which order.
        order: Id,
        /// How.
        payment: Payment,
    },
    /// `POST /v1/orders/{id}/cancel`: answered [`Order`](super::Answer::Order).
    Cancel {
        /// Which.
        order: Id,
    },
    /// `POST /v1/points/charges`: answered [`TopUp`](super::Answer::TopUp).
    TopUp {
        /// The `Idempotency-Key`.
        key: Key,
        /// Charged and credited.
        amount: Amount,
        /// Charged to.
        card: Card,
    },
    /// `POST /v1/admin/orders/{id}/fulfil`: answered [`Order`](super::Answer::Order).
    Fulfil {
        /// Which.
        order: Id,
    },
    /// `POST /v1/admin/dead-letters/{id}/redrive`: answered [`Letters`](super::Answer::Letters) with the one letter.
    Redrive {
        /// Which.
        letter: Id,
    },
    /// Looks at something; changes nothing.
    Show(Show),
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Show {
    /// `GET /v1/orders/{id}`: answered [`Order`](super::Answer::Order).
    Order(Id),
    /// `GET /v1/orders` of the caller: answered [`Orders`](super::Answer::Orders).
    Orders(Page),
    /// `GET /v1/admin/orders`: answered [`Orders`](super::Answer::Orders).
    AllOrders(Page),
    /// `GET /v1/products/{id}`: answered [`Product`](super::Answer::Product).
    Product(Id),
    /// `GET /v1/points` of the caller: answered [`Balance`](super::Answer::Balance).
    Balance,
    /// `GET /v1/points/history` of the caller: answered [`History`](super::Answer::History).
    History(Page),
    /// `GET /v1/points/charges/{id}`: answered [`TopUp`](super::Answer::TopUp).
    TopUp(Id),
    /// `GET /v1/coupons`: answered [`Campaigns`](super::Answer::Campaigns).
    Campaigns(Page),
    /// `GET /v1/users/me/coupons`: answered [`Coupons`](super::Answer::Coupons).
    Coupons(Page),
    /// `GET /v1/bestsellers?days=365&limit=100`: answered [`BestSellers`](super::Answer::BestSellers).
    BestSellers,
    /// `GET /v1/admin/dead-letters?status=OPEN`: answered [`Letters`](super::Answer::Letters).
    OpenLetters(Page),
}

/// Which page of a list (`?limit=100&cursor=…`, newest first).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page {
    /// The cursor that the page before gave; `None` for the first.
    pub after: Option<Id>,
}

impl Page {
    /// The newest.
    pub const FIRST: Self = Self { after: None };
}

/// An idempotency key, as a number that its client never used before: what is sent is its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key-{}", self.0)
    }
}

/// How an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Payment {
    /// The user coupon to use.
    pub coupon: Option<Id>,
    /// The points to use.
    pub points: Points,
    /// The card for what is left.
    pub card: Option<Card>,
}

/// Points to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Points {
    /// This many.
    Amount(Amount),
    /// As many as there are, and no more than there is to pay.
    All,
}

/// A card, by what the PG simulator does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Card {
    /// It is charged.
    Good,
    /// It is declined.
    Declined,
    /// It is charged after a while.
    Slow,
    /// The PG fails (5xx), and charges nothing.
    Failing,
    /// It is charged, and the PG never answers.
    ChargedSilently,
    /// It is not charged, and the PG never answers.
    UnchargedSilently,
    /// It is charged; its cancel fails five times.
    CancelsBadly,
}

impl Card {
    /// Every card.
    pub const ALL: [Self; 7] = [
        Self::Good,
        Self::Declined,
        Self::Slow,
        Self::Failing,
        Self::ChargedSilently,
        Self::UnchargedSilently,
        Self::CancelsBadly,
    ];

    /// Its token, as the PG simulator knows it.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Good => "tok_ok",
            Self::Declined => "tok_decline",
            Self::Slow => "tok_slow",
            Self::Failing => "tok_error",
            Self::ChargedSilently => "tok_timeout_charged",
            Self::UnchargedSilently => "tok_timeout_uncharged",
            Self::CancelsBadly => "tok_cancel_error",
        }
    }

    /// Whether money can ever be taken from it.
    #[must_use]
    pub const fn can_be_charged(self) -> bool {
        match self {
            Self::Good | Self::Slow | Self::ChargedSilently | Self::CancelsBadly => true,
            Self::Declined | Self::Failing | Self::UnchargedSilently => false,
        }
    }
}

/// What a campaign offers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Unique: how a client whose answer was lost finds it again.
    pub name: String,
    /// What its coupons take off.
    pub discount: Discount,
    /// How many there are.
    pub quantity: Amount,
    /// The least total that they can be used on.
    pub least_total: Option<Amount>,
    /// From when.
    pub opens: Millis,
    /// Until when.
    pub closes: Millis,
}

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Discount {
    /// An amount; a smaller total is taken off whole.
    Fixed(Amount),
    /// Hundredths of the total, rounded down, and at most this much.
    Percent(u8, Option<Amount>),
}

impl Ask {
    /// The idempotency key, where there is one.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        match self {
            Self::Place { key, .. } | Self::Pay { key, .. } | Self::TopUp { key, .. } => Some(*key),
            _ => None,
        }
    }

    /// What an idempotency key is good for (`POST` and the path with its ids), where there is one.
    #[must_use]
    pub fn route(&self) -> Option<String> {
        match self {
            Self::Place { .. } => Some("POST /v1/orders".to_owned()),
            Self::Pay { order, .. } => Some(format!("POST /v1/orders/{order:032x}/payments")),
            Self::TopUp { .. } => Some("POST /v1/points/charges".to_owned()),
            _ => None,
        }
    }

    /// The body of a request that needs an idempotency key, canonically: two bodies are the same if and only if these are.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        match self {
            Self::Place { lines, payment, .. } => Some(format!("{lines:?} {payment:?}")),
            Self::Pay { payment, .. } => Some(format!("{payment:?}")),
            Self::TopUp { amount, card, .. } => Some(format!("{amount} {card:?}")),
            _ => None,
        }
    }
}
