//! Any text as a topology file: taken, or refused by a line that the file has.
#![no_main]

use kernel::Currency;
use libfuzzer_sys::fuzz_target;
use shop::{Domains, Policies};
use std::sync::LazyLock;

static DOMAINS: LazyLock<Domains> = LazyLock::new(|| Domains::new(Policies::new(Currency::KRW, "any")));

fuzz_target!(|text: &str| {
    match DOMAINS.place(text) {
        Ok((topology, registry)) => {
            assert!(!topology.databases().is_empty());
            assert!(registry.iter().next().is_some());
        }
        Err(error) => {
            // A file without a line has its fault in the first.
            let last = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            assert!((1..=last).contains(&error.line), "{error}");
        }
    }
});
