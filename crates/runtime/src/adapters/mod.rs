//! The real clock and the real source of ids: the only places that read a clock or draw a random number.

mod clock;
mod ids;

pub use clock::SystemClock;
pub use ids::V7Ids;
