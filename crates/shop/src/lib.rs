//! The domains as one shop: which there are, the quote over their facts, and the facade that doors and tools use.

pub mod facts;
pub mod quoter;
