//! Money and points: whole minor units, checked, never a float, never wrapping.

use crate::table::{ColumnType, Corrupt, Field, Value};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// An amount in minor units of the deployment's currency, within ±(2^53 − 1) so that JSON numbers hold it exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Money(i64);

/// The result would leave the range that JSON numbers hold exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("amount out of range (±9007199254740991 minor units)")]
pub struct OutOfRange;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount: 2^53 − 1 minor units.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// `minor` minor units.
    ///
    /// # Errors
    /// [`OutOfRange`] outside ±(2^53 − 1).
    pub const fn new(minor: i64) -> Result<Self, OutOfRange> {
        if minor > Self::MAX.0 || minor < -Self::MAX.0 { Err(OutOfRange) } else { Ok(Self(minor)) }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// True for exactly nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// True below nothing.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`OutOfRange`] if the sum leaves the range.
    pub fn plus(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_add(other.0).ok_or(OutOfRange).and_then(Self::new)
    }

    /// The difference; may be negative.
    ///
    /// # Errors
    /// [`OutOfRange`] if the difference leaves the range.
    pub fn minus(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_sub(other.0).ok_or(OutOfRange).and_then(Self::new)
    }

    /// `count` times this amount.
    ///
    /// # Errors
    /// [`OutOfRange`] if the product leaves the range.
    pub fn times(self, count: i64) -> Result<Self, OutOfRange> {
        self.0.checked_mul(count).ok_or(OutOfRange).and_then(Self::new)
    }

    /// `percent` hundredths of this amount, rounded down to a whole minor unit.
    ///
    /// # Errors
    /// [`OutOfRange`] if the product leaves the range of `i64`.
    pub fn percent(self, percent: u8) -> Result<Self, OutOfRange> {
        self.0.checked_mul(i64::from(percent)).ok_or(OutOfRange).and_then(|product| Self::new(product / 100))
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Field for Money {
    const TYPE: ColumnType = ColumnType::Int;
    fn to_value(&self) -> Value {
        Value::Int(self.0)
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Int(minor) => Self::new(*minor).map_err(|_| Corrupt::new("an amount in range", value)),
            other => Err(Corrupt::new("an amount", other)),
        }
    }
}

/// An ISO 4217 currency code; one per deployment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// South Korean won: no minor digits.
    pub const KRW: Self = Self(*b"KRW");

    /// The three-letter code.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimals a minor unit is (ISO 4217): 0 for KRW, 2 for GBP.
    #[must_use]
    pub fn decimals(&self) -> u32 {
        match &self.0 {
            b"KRW" | b"JPY" | b"VND" | b"CLP" | b"ISK" | b"UGX" | b"XAF" | b"XOF" | b"PYG" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }

    /// The amount as people write it, with this currency's decimals: `12.34 GBP`, `12,340 KRW`.
    #[must_use]
    pub fn show(&self, amount: Money) -> String {
        let scale = 10_u64.pow(self.decimals());
        let whole = amount.minor().unsigned_abs() / scale;
        let part = amount.minor().unsigned_abs() % scale;
        let digits = whole.to_string();
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let sign = if amount.is_negative() { "-" } else { "" };
        match self.decimals() {
            0 => format!("{sign}{grouped} {}", self.code()),
            width => format!("{sign}{grouped}.{part:0width$} {}", self.code(), width = width as usize),
        }
    }
}

impl std::str::FromStr for Currency {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(format!("`{text}` is not an ISO 4217 code (three capital letters)")),
        }
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Field for Currency {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        Value::Text(SmolStr::new(self.code()))
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Text(code) => code.parse().map_err(|_| Corrupt::new("an ISO 4217 code", value)),
            other => Err(Corrupt::new("a currency", other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_never_leaves_what_json_holds() {
        assert_eq!(Money::new(1 << 53), Err(OutOfRange));
        assert_eq!(Money::MAX.plus(Money(1)), Err(OutOfRange));
        assert_eq!(Money(i64::MAX / 2).times(3), Err(OutOfRange));
        assert!(serde_json::from_str::<Money>("9007199254740992").is_err());
        assert!(serde_json::from_str::<Money>("1.5").is_err());
    }

    #[test]
    fn amounts_are_counted_in_whole_minor_units() {
        let (one, none) = (Money(1), Money::default());
        assert_eq!(
            [one, none, Money(-1)].map(|money| (money.is_zero(), money.is_negative())),
            [(false, false), (true, false), (false, true)]
        );
        assert_eq!(Money(700).plus(Money(50)), Ok(Money(750)));
        assert_eq!(Money(50).minus(Money(700)), Ok(Money(-650)));
        assert_eq!(Money(-50).times(3), Ok(Money(-150)));
        assert_eq!(Money(1_999).percent(15), Ok(Money(299)), "299.85 is rounded down");
        assert_eq!(Money::from_value(&Value::Int(1_999)), Ok(Money(1_999)));
        assert!(Money::from_value(&Value::Int(1 << 53)).is_err());
        assert_eq!(one.to_string(), "1");
    }

    #[test]
    fn amounts_are_shown_with_the_currencys_decimals() {
        let show = |code: &str, minor| code.parse::<Currency>().unwrap().show(Money(minor));
        assert_eq!(show("GBP", -123_405), "-1,234.05 GBP");
        assert_eq!(show("KRW", 12_340), "12,340 KRW");
        assert_eq!(show("KRW", 340), "340 KRW");
        assert_eq!(show("KWD", 1_234_005), "1,234.005 KWD");
        assert_eq!(format!("{0} {0:?}", Currency::KRW), "KRW KRW");
    }
}
