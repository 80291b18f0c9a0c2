//! Whole systems by seed: a few new ones, and those that once found a fault.

#[cfg(test)]
mod kept;
#[cfg(test)]
mod seeds;
