//! The hard cases of the saga, each at both ends of the topologies: everything in one transaction, and a database per domain.
//!
//! In memory and on one thread: workers, gateway and clocks are stepped by hand until nothing moves.

#[cfg(test)]
mod batches;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod duplicates;
#[cfg(test)]
mod first_line;
#[cfg(test)]
mod horizon;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod quotes;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rushes;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod support;
#[cfg(test)]
mod views;
