//! The bus over a real broker. Servers are the tests' own: `cargo xtask services up` gets what they are run from.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers, too")]

mod lanes;
mod outages;
mod relaying;
mod sharing;
mod shop;
mod support;
