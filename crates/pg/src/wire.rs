//! The JSON that the PG simulator and its adapter exchange.

use payment::gateway::{PgCharge, PgChargeStatus};
use serde::{Deserialize, Serialize};

/// Codes of problem documents that a client acts upon.
pub(crate) mod code {
    /// 404: no charge under this key.
    pub(crate) const CHARGE_NOT_FOUND: &str = "CHARGE_NOT_FOUND";
    /// 403: this charge is not given back.
    pub(crate) const NOT_CANCELABLE: &str = "NOT_CANCELABLE_PAYMENT";
}

/// The most characters that a cancel's reason has.
pub(crate) const REASON_LIMIT: usize = 200;
/// The largest page of the book.
pub(crate) const PAGE_LIMIT: u32 = 1_000;

/// Body of `POST /v1/charges`. Without `Debug`: it carries the card token.
#[derive(Serialize, Deserialize)]
pub(crate) struct ChargeOrder {
    /// Minor units.
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) card_token: String,
    pub(crate) reference: String,
}

/// Body of `POST /v1/charges/{key}/cancel`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CancelOrder {
    pub(crate) reason: String,
}

/// One charge as the book has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) key: String,
    pub(crate) transaction: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: PgChargeStatus,
    /// Why the card was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decline_code: Option<String>,
    pub(crate) reference: String,
    pub(crate) created_at_ms: i64,
}

impl From<Charge> for PgCharge {
    fn from(charge: Charge) -> Self {
        Self {
            key: charge.key,
            transaction: charge.transaction,
            amount: charge.amount,
            currency: charge.currency,
            status: charge.status,
            created_at_ms: charge.created_at_ms,
        }
    }
}

/// A page of the book, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) charges: Vec<Charge>,
    /// Pass as `after` for the next page; absent at the end of the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// An RFC 9457 problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) detail: String,
    pub(crate) code: String,
    /// The recorded charge, where the problem is that the card was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charge: Option<Charge>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_a_declined_charge_is_stable() {
        let charge = Charge {
            key: "pay-1".to_owned(),
            transaction: "txn_1".to_owned(),
            amount: 12_000,
            currency: "KRW".to_owned(),
            status: PgChargeStatus::Declined,
            decline_code: Some("CARD_DECLINED".to_owned()),
            reference: "order-1".to_owned(),
            created_at_ms: 1_700_000_000_000,
        };
        let json = r#"{"key":"pay-1","transaction":"txn_1","amount":12000,"currency":"KRW","status":"DECLINED","decline_code":"CARD_DECLINED","reference":"order-1","created_at_ms":1700000000000}"#;
        assert_eq!(serde_json::to_string(&charge).unwrap(), json);
        assert_eq!(serde_json::from_str::<Charge>(json).unwrap(), charge);
    }
}
