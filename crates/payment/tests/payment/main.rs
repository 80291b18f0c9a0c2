//! The payment domain's promises, each kept against a PG that misbehaves.

#[cfg(test)]
mod leg_table;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reconciliation;
#[cfg(test)]
mod support;
#[cfg(test)]
mod top_ups;
