//! Two instances of one shop over the same databases, which have PostgreSQL's visibility: nothing is sold, issued, charged or
//! pruned twice, however their transactions overlap and whatever fails.

#[cfg(test)]
mod pruning;
#[cfg(test)]
mod rush;
#[cfg(test)]
mod selling;
#[cfg(test)]
mod topologies;
#[cfg(test)]
mod unsure;
#[cfg(test)]
mod world;
