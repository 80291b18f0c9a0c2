//! The shop's clients: a population of customers and an administrator, and the words in which they ask and are told.

mod answers;
mod requests;

pub use answers::{
    Answer, Campaign, Change, ChangeKind, Coupon, CouponStatus, Delivery, Heard, Letter, Line, Listed, Order,
    PgCharge, PgStatus, Product, Refused, Status, Step, StepStatus, TopUp, TopUpStatus, User, Word,
};
pub use requests::{
    Amount, Ask, Caller, Card, Discount, Id, Key, Millis, Page, Payment, Points, Request, RequestId, Show,
    Terms,
};
