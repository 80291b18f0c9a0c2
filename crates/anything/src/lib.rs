//! Any value whatever, and any sequence of inputs whatever, for property tests: most of them likely, some at the limits, some
//! absurd.
//!
//! [`values`] generates what messages and rows are made of. [`script`] puts together what can happen to a domain: its commands,
//! its steps' actions and compensations, words, rows that fall due, dead letters handled, rows damaged, clocks that jump.
//! [`drive`] feeds a script to a domain on the kernel's testbed, through the real participation rule, and checks after every input
//! what holds for every domain; what is a domain's own to promise, its test adds.

pub mod drive;
pub mod script;
pub mod values;
