//! W3C trace context, as a value that every message carries.

use crate::table::{ColumnType, Corrupt, Field, Value};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use uuid::Uuid;

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

/// "No trace", as it is stored.
const NONE: &str = "00-00000000000000000000000000000000-0000000000000000-00";

impl Trace {
    /// Hands its text to `take`. Every row and log entry holds one, so it is put together by hand and not by a formatter.
    fn with_text<T>(self, take: impl FnOnce(&str) -> T) -> T {
        let mut text = [b'-'; NONE.len()];
        text[..2].copy_from_slice(b"00");
        // `uuid` writes 32 hex digits fast: the trace id's, then those of span and flags.
        Uuid::from_u128(self.id).simple().encode_lower(&mut text[3..35]);
        let mut rest = [0; 32];
        let span_and_flags = (u128::from(self.span) << 64) | (u128::from(self.flags) << 56);
        Uuid::from_u128(span_and_flags).simple().encode_lower(&mut rest);
        text[36..52].copy_from_slice(&rest[..16]);
        text[53..].copy_from_slice(&rest[16..18]);
        // Digits and dashes are always text.
        take(std::str::from_utf8(&text).unwrap_or(NONE))
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.with_text(|text| f.write_str(text))
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
        let mut parts = text.splitn(5, '-');
        let mut part = || parts.next().ok_or(NotATrace);
        let (version, id, span, flags) = (part()?, part()?, part()?, part()?);
        // A later version may carry more parts; ours are the first four.
        if parts.next().is_some() && version == "00" {
            return Err(NotATrace);
        }
        if !lower_hex(version, 2)
            || version == "ff"
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
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        match &*text {
            NONE => Ok(Self::default()),
            text => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl Field for Trace {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.with_text(|text| SmolStr::new(text)))
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Text(text) if text == NONE => Ok(Self::default()),
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
        for good in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000001-8000000000000000-f0",
        ] {
            assert_eq!(good.parse::<Trace>().unwrap().to_string(), good);
        }
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

    #[test]
    fn no_trace_is_stored_and_read_back() {
        assert_eq!(Trace::default().to_value(), Value::Text(NONE.into()));
        assert_eq!(Trace::from_value(&Value::Text(NONE.into())), Ok(Trace::default()));
        assert_eq!(NONE.parse::<Trace>(), Err(NotATrace));
    }
}
