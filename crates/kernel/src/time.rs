//! Points in time as values. Nothing here reads a clock.

use crate::table::{ColumnType, Corrupt, Field, Value};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Milliseconds since the Unix epoch, UTC. JSON shows it as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

const DAY_MS: i64 = 86_400_000;

impl Timestamp {
    /// This time and `by` more; stops at the end of time.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This time less `by`; stops at the beginning of time.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long from `earlier` to this; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The UTC day, counted from 1970-01-01.
    #[must_use]
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let time: jiff::Timestamp =
            text.parse().map_err(|e| format!("`{text}` is not an RFC 3339 time: {e}"))?;
        Ok(Self(time.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not the parser's own complaint, which repeats the text: it may be a secret in the wrong place.
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| serde::de::Error::custom("not an RFC 3339 time such as 2026-03-01T00:00:00Z"))
    }
}

impl Field for Timestamp {
    const TYPE: ColumnType = ColumnType::Int;
    fn to_value(&self) -> Value {
        Value::Int(self.0)
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Int(ms) => Ok(Self(*ms)),
            other => Err(Corrupt::new("a time", other)),
        }
    }
}

/// Waits that double from `first` up to `cap`: attempt 0 waits `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Backoff {
    /// How long to wait before try number `attempt` (0-based) is made again.
    #[must_use]
    pub fn wait(&self, attempt: u32) -> Duration {
        self.first.saturating_mul(1_u32.checked_shl(attempt.min(20)).unwrap_or(u32::MAX)).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_written() {
        let time = Timestamp(1_700_000_000_123);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(time.to_string().parse(), Ok(time));
        assert_eq!(Timestamp(-1).day(), -1);
    }

    #[test]
    fn backoff_doubles_and_stops_at_its_cap() {
        let backoff = Backoff { first: Duration::from_millis(100), cap: Duration::from_secs(5) };
        let waits: Vec<u128> = [0, 1, 2, 5, 6, 40].map(|n| backoff.wait(n).as_millis()).to_vec();
        assert_eq!(waits, [100, 200, 400, 3200, 5000, 5000]);
    }
}
