//! Every route at least once as a well-behaved client uses it: status, headers and exactly the documented fields.

mod accounts;
mod buying;
mod catalogue;
mod money;
mod operating;
mod orders;
