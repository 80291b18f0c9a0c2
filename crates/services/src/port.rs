//! Ports that nobody listens on.

use anyhow::{Context, Result};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below what systems hand out to clients: nobody's outgoing connection sits on the port of a server that is down for a moment.
const PORTS: Range<u16> = 20_000..32_000;
/// How many are tried.
const TRIES: u32 = 1_000;

static HANDED_OUT: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that is free now, and that this process hands out only once.
///
/// # Errors
/// If there seems to be none.
pub(crate) fn free() -> Result<u16> {
    let mut handed_out = HANDED_OUT.lock();
    let candidates = (0..TRIES).map(|_| rand::random_range(PORTS));
    let mut free = candidates.filter(|port| !handed_out.contains(port) && is_free(*port));
    let port = free.next().context("no free port on the loopback address")?;
    handed_out.insert(port);
    Ok(port)
}

/// Whether nobody listens on `port` of the loopback address.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
