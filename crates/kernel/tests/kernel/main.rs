//! The kernel's promises: the participation rule, the judge, topologies and their routes, and what stands on the wire.

#[cfg(test)]
mod groups;
#[cfg(test)]
mod judge_dialogues;
#[cfg(test)]
mod judge_properties;
#[cfg(test)]
mod judge_table;
#[cfg(test)]
mod participation;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod script;
#[cfg(test)]
mod shelf;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod topologies;
#[cfg(test)]
mod topology_properties;
#[cfg(test)]
mod walks;
#[cfg(test)]
mod wire;
