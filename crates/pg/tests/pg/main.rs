//! The simulator and its adapter, together over real HTTP: what a payment can rely on, and what it must survive.

#[cfg(test)]
mod cancels;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod http;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod webhooks;
