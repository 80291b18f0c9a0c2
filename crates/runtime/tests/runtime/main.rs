//! The runtime's parts that need no store: doors, tails, timers.

#[cfg(test)]
mod door;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod tail;
#[cfg(test)]
mod timers;
