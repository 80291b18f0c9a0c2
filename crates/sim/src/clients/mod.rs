//! The shop's clients: a population of customers and an administrator, and the words in which they ask and are told.
//!
//! Clients read no clock and send nothing themselves. The run loop moves them:
//!
//! 1. [`Population::new`] with a source of chance of its own.
//! 2. While [`Population::next`] gives a request that is due, it is told to the oracle and
//!    carried to the shop. Nothing is due before [`Population::wakes_at`].
//! 3. What comes of each request is told once to the oracle, and then to [`Population::heard`]: an answer, that none came in time, or
//!    that the shop cannot be asked now. An answer that comes after its request was given up is dropped.
//! 4. [`Population::calm`] once the faults are over; it goes on as before until [`Population::is_done`].

mod administration;
mod answers;
mod errand;
mod looking;
mod mix;
mod opening;
mod pace;
mod population;
mod purchase;
mod redriving;
mod requests;
mod taking;
mod topping_up;

pub use answers::{
    Answer, Campaign, Change, ChangeKind, Coupon, CouponStatus, Delivery, Heard, Letter, Line, Listed, Order,
    PgCharge, PgStatus, Product, Refused, Status, Step, StepStatus, TopUp, TopUpStatus, User, Word,
};
pub use mix::{Mix, PerMille};
pub use population::Population;
pub use requests::{
    Amount, Ask, Caller, Card, Discount, Id, Key, Millis, Page, Payment, Points, Request, RequestId, Show,
    Terms,
};
