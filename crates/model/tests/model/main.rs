//! The promises hold in every small world of every topology, and a broken rule is noticed.

#[cfg(test)]
mod broken;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod worlds;
