//! The door and the shop's routes over a real shop in memory.

#[cfg(test)]
mod door;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod shelf;
#[cfg(test)]
mod world;
