//! What stands outside a shop, by script: clocks that stand still until told to move, a payment gateway and a data platform with
//! books of their own. Tests write the script by hand, the simulator by seed.

pub mod clock;
pub mod lock;
pub mod pg;
pub mod platform;
