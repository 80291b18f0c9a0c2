//! W3C trace context, as a value that every message carries.

use crate::table::{ColumnType, Corrupt, Field, Value};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A `traceparent` (version 00): trace id, parent span id, flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Trace {
    /// The trace id; zero means "no trace".
    pub id: u128,
    /// The span that caused this.
    pub span: u64,
    /// Trace flags (bit 0: sampled).
    pub flags: u8,
}

impl Trace {
    /// The trace id as 32 hex digits, as operators search for it.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.id)
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.id, self.span, self.flags)
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Not a W3C `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent (00-<32 hex>-<16 hex>-<2 hex>)")]
pub struct NotATrace;

impl std::str::FromStr for Trace {
    type Err = NotATrace;

    fn from_str(text: &str) -> Result<Self, NotATrace> {
        let lower_hex = |part: &str, width: usize| {
            part.len() == width && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let parts: Vec<&str> = text.split('-').collect();
        let (version, id, span, flags) = match parts.as_slice() {
            [version, id, span, flags] => (version, id, span, flags),
            // A later version may carry more parts; ours are the first four.
            [version, id, span, flags, ..] if *version != "00" => (version, id, span, flags),
            _ => return Err(NotATrace),
        };
        if !lower_hex(version, 2)
            || *version == "ff"
            || !lower_hex(id, 32)
            || !lower_hex(span, 16)
            || !lower_hex(flags, 2)
        {
            return Err(NotATrace);
        }
        let trace = Self {
            id: u128::from_str_radix(id, 16).map_err(|_| NotATrace)?,
            span: u64::from_str_radix(span, 16).map_err(|_| NotATrace)?,
            flags: u8::from_str_radix(flags, 16).map_err(|_| NotATrace)?,
        };
        if trace.id == 0 || trace.span == 0 { Err(NotATrace) } else { Ok(trace) }
    }
}

impl Serialize for Trace {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if text == Self::default().to_string() {
            Ok(Self::default())
        } else {
            text.parse().map_err(serde::de::Error::custom)
        }
    }
}

impl Field for Trace {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        Value::Text(SmolStr::new(self.to_string()))
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Text(text) if *text == Self::default().to_string() => Ok(Self::default()),
            Value::Text(text) => text.parse().map_err(|_| Corrupt::new("a traceparent", value)),
            other => Err(Corrupt::new("a traceparent", other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_traceparents_are_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(good.parse::<Trace>().unwrap().to_string(), good);
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(bad.parse::<Trace>(), Err(NotATrace), "{bad}");
        }
    }
}
