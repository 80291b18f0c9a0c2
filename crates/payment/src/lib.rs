//! The payment domain: payments of orders, top-ups of points, and what is known of the outside charge behind each.

pub mod gateway;
