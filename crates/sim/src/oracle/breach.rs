//! What the oracle finds: promises that were broken, each as a value and as a sentence.

use crate::clients::Millis;
use std::fmt;

/// What was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// Opening, adjustments and top-ups, less the effects of confirmed orders, is what there is.
    Conservation,
    /// At rest every step of an order is done, or none is.
    AllOrNothing,
    /// A step takes effect once.
    ExactlyOneEffect,
    /// Everything ends, or is listed with a dead letter.
    NothingStuck,
    /// An idempotency key makes one thing.
    AnsweredOnce,
    /// What was acknowledged stays.
    AcknowledgedIsDurable,
    /// Nothing is sold at a price, or under terms, that were not in force.
    NeverMisSold,
    /// A campaign gives out as many coupons as it has, one to each user.
    CouponsAreCounted,
    /// What can be cancelled, shipped and paid, and what cannot.
    RulesOfOrders,
    /// A refusal has the cause that it names.
    RefusedForCause,
    /// A card is charged once, for what is confirmed.
    ChargedOnce,
    /// The data platform is told every final word, in order, and no other.
    FinalWordsAreDelivered,
    /// What lists and rankings show is what happened.
    ReadModelsFollow,
    /// A suspension works at once.
    SuspensionWorks,
    /// An answer fits the question, and itself.
    AnswersMakeSense,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conservation => "conservation",
            Self::AllOrNothing => "all or nothing",
            Self::ExactlyOneEffect => "exactly one effect",
            Self::NothingStuck => "nothing stuck silently",
            Self::AnsweredOnce => "answered once",
            Self::AcknowledgedIsDurable => "acknowledged is durable",
            Self::NeverMisSold => "never mis-sold",
            Self::CouponsAreCounted => "coupons are counted",
            Self::RulesOfOrders => "the rules of orders",
            Self::RefusedForCause => "refused for cause",
            Self::ChargedOnce => "charged once",
            Self::FinalWordsAreDelivered => "final words are delivered",
            Self::ReadModelsFollow => "read models follow",
            Self::SuspensionWorks => "a suspension works at once",
            Self::AnswersMakeSense => "answers make sense",
        })
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which promise.
    pub promise: Promise,
    /// What it is about: "stock of product 00…1f".
    pub about: String,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub saw: String,
    /// When it was seen.
    pub at: Millis,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { promise, about, expected, saw, at } = self;
        write!(f, "Broken ({promise}), seen at {at} ms: {about} should be {expected}, but is {saw}.")
    }
}

/// The most breaches that are kept: one is enough to fail a run, and the first say the most.
const MOST: usize = 100;

/// Where breaches are collected.
#[derive(Default)]
pub(super) struct Docket {
    pub(super) breaches: Vec<Breach>,
    pub(super) now: Millis,
}

/// What a breach is about, what should have been, and what was.
pub(super) type Charge = (String, String, String);

impl Docket {
    /// A breach unless `holds`.
    pub(super) fn check(&mut self, holds: bool, promise: Promise, charge: impl FnOnce() -> Charge) {
        if holds || self.breaches.len() >= MOST {
            return;
        }
        let (about, expected, saw) = charge();
        self.breaches.push(Breach { promise, about, expected, saw, at: self.now });
    }
}

/// An id as people know it.
pub(super) fn id(id: u128) -> String {
    let hex = format!("{id:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &hex[range]);
    parts.join("-")
}

/// `what` with its id.
pub(super) fn named(what: &str, of: u128) -> String {
    format!("{what} {}", id(of))
}

/// What is shown, or that there is nothing.
pub(super) fn or_none<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
}
