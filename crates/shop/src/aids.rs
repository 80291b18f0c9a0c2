//! Aids: what makes a shop faster, or keeps its instances apart, and without which it goes on.

use crate::reads::BestSeller;
use runtime::Progress;
use runtime::ports::store::Position;
use std::ops::RangeInclusive;

/// Something that helps while it is there.
pub trait Aid: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Why it does not help at the moment; `None` if it does.
    fn trouble(&self) -> Option<String>;

    /// What is to be seen of it in metrics.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// A figure of an aid, as of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name, after `jumun_`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// The database that it is about.
    pub database: String,
    /// And the one whose words that one hears; empty if it is about one only.
    pub source: String,
    /// The figure.
    pub value: u64,
}

/// A copy of the book of sales that answers faster. The book itself answers where the copy does not.
pub trait BestSellersCopy: Aid {
    /// How far it has followed the orders' log, under that log's name.
    fn progress(&self) -> &Progress;

    /// At most `limit` of the products that sold best on `days` (counted from 1970-01-01), best first, as the book orders them; `None` if it
    /// cannot say, or has not followed the orders' log up to `through`. May block for a moment.
    fn best(&self, through: Position, days: RangeInclusive<i64>, limit: u32) -> Option<Vec<BestSeller>>;
}
