//! When orders are sent.

use crate::meter::{Meter, Stalled};
use crate::target::{Target, Ticket};
use crate::workload::Order;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

/// When the next order is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many orders are always under way: when one is settled, the next is sent.
    Closed {
        /// How many.
        clients: NonZeroU64,
    },
    /// Orders are due at a rate, whatever became of those before. With too many of them under way, the next waits, and its
    /// time runs.
    Open {
        /// Orders a second.
        rate: NonZeroU64,
        /// The most under way.
        clients: NonZeroU64,
    },
}

impl Pace {
    /// The most orders under way.
    #[must_use]
    pub fn clients(self) -> NonZeroU64 {
        match self {
            Self::Closed { clients } | Self::Open { clients, .. } => clients,
        }
    }

    /// When the order with this place is due, after the first; `None`: when there is room.
    fn due(self, place: u64) -> Option<Duration> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { rate, .. } => {
                let nanos = u128::from(place) * 1_000_000_000 / u128::from(rate.get());
                Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
            }
        }
    }
}

/// Longer than any saga's deadline and budget: if nothing moves for so long, nothing will.
const PATIENCE: Duration = Duration::from_secs(180);

/// Sends all of them, and waits until each is settled.
///
/// # Errors
/// If orders no longer come to an end.
pub fn drive(
    target: &dyn Target,
    orders: impl Iterator<Item = Order>,
    pace: Pace,
    meter: &Arc<Meter>,
) -> Result<(), Stalled> {
    let begun = meter.now();
    for (order, place) in orders.zip(0..) {
        let due = pace.due(place).map(|due| begun + due);
        if let Some(due) = due {
            meter.wait_until(due);
        }
        meter.enter(pace.clients().get(), PATIENCE)?;
        let intended = due.unwrap_or_else(|| meter.now());
        target.send(&order, Ticket::new(Arc::clone(meter), intended));
    }
    meter.drain(PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_an_open_loop_are_due_at_their_rate_and_those_of_a_closed_one_when_there_is_room() {
        let (rate, clients) = (NonZeroU64::new(3).unwrap(), NonZeroU64::MIN);
        let open = Pace::Open { rate, clients };
        assert_eq!(open.due(0), Some(Duration::ZERO));
        assert_eq!(open.due(3_000_000_000), Some(Duration::from_secs(1_000_000_000)));
        assert_eq!(open.due(1), Some(Duration::from_nanos(333_333_333)));
        assert_eq!(Pace::Closed { clients }.due(1), None);
    }
}
