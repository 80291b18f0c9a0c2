//! The hard cases of the saga, each in every topology that ships and in which it can happen.
//!
//! In memory and on one thread: workers, gateway and clocks are stepped by hand until nothing moves.

#[cfg(test)]
mod batches;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod duplicates;
#[cfg(test)]
mod first_line;
#[cfg(test)]
mod horizon;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod polls;
#[cfg(test)]
mod quotes;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod rushes;
#[cfg(test)]
mod splits;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod support;
#[cfg(test)]
mod views;
