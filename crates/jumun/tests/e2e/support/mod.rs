//! A throwaway shop behind the real binary.
//!
//! Reading order: `process` (the binary on a data folder) → `client` (one request, one answer) → `shop` (people and things) →
//! `regulars` (customers by whom a fault is judged; `figures`: what is noted of it) → `tokens` (access tokens made by hand) →
//! `wire` (bytes that no well-behaved client sends) → `books` (what the files hold).

pub(crate) mod books;
pub(crate) mod client;
pub(crate) mod figures;
pub(crate) mod process;
pub(crate) mod regulars;
pub(crate) mod shop;
pub(crate) mod tokens;
pub(crate) mod wire;

pub(crate) use client::{Answer, Client};
pub(crate) use process::Home;
pub(crate) use shop::{Person, Shop};
