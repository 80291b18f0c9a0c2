//! Topologies measured side by side: medians over rounds, what they say in plain words, and a page with plots that stands alone:
//! no script, no other file, no other host. Pure: measurements in, text out.
//!
//! Reading order: crate `load`'s `result` (what comes in) → `comparison` (medians) → `words` (what they say) → `page` and `svg` (how it looks).
#![expect(
    clippy::float_arithmetic,
    reason = "measurements, medians and places on a page; there is no money here"
)]

pub mod comparison;
mod page;
mod svg;
pub mod text;
pub mod words;

pub use comparison::{Comparison, Entry, Figures, Spread};
pub use load::result::Measured;
pub use page::html;
pub use words::{Finding, findings};
