//! The coupon domain.
