//! Hashes of secrets, which no log and no panic message ever shows.

use kernel::Value;
use kernel::table::{ColumnType, Corrupt, Field};
use smol_str::SmolStr;
use std::sync::Arc;

/// A password's PHC string (`$argon2id$…`), made and compared outside.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(SmolStr);

impl PasswordHash {
    /// Wraps a PHC string.
    #[must_use]
    pub fn new(phc: &str) -> Self {
        Self(SmolStr::new(phc))
    }

    /// The PHC string, for the comparison at log-in.
    #[must_use]
    pub fn phc(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl Field for PasswordHash {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        SmolStr::from_value(value).map(Self)
    }
}

/// The SHA-256 of a refresh token. The token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl Field for TokenHash {
    const TYPE: ColumnType = ColumnType::Bytes;
    fn to_value(&self) -> Value {
        Value::Bytes(Arc::from(self.0))
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        let bytes = Arc::<[u8]>::from_value(value)?;
        bytes.as_ref().try_into().map(Self).map_err(|_| Corrupt::new("a token's hash of 32 bytes", value))
    }
}
