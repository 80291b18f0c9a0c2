//! Fields of request bodies that need a look of their own before they may go further.

use crate::describe::{one_of, text, value_schemas, whole};
use kernel::ids::UserCouponId;
use kernel::plan::CardToken;
use kernel::{Money, Refused, checks};
use serde::de::Unexpected;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use smol_str::SmolStr;
use utoipa::openapi::OneOfBuilder;
use uuid::Uuid;

/// The complaint about a value, without the value.
fn not<E: serde::de::Error>(expected: &'static str) -> E {
    E::invalid_value(Unexpected::Other("this"), &expected)
}

/// The most characters of a card token.
const CARD_TOKEN_MAX: usize = 255;

/// A card token as it was sent, not yet looked at. Shown by nothing: it may be a card number sent by mistake.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Card(String);

impl<'de> Deserialize<'de> for Card {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `String::deserialize`: its complaint about a number would repeat the number.
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            _ => Err(not("a string")),
        }
    }
}

impl Card {
    /// The token, if it can be one.
    ///
    /// # Errors
    /// `CARD_NUMBER_REFUSED` for what looks like a card number, else `INVALID_FIELD`; neither repeats it.
    pub(crate) fn token(&self) -> Result<CardToken, Refused> {
        checks::text("/card_token", &self.0, CARD_TOKEN_MAX)?;
        if is_card_number(&self.0) {
            let detail = "this looks like a card number; send the payment gateway's token for it";
            return Err(Refused::invalid("/card_token", "CARD_NUMBER_REFUSED", detail));
        }
        Ok(CardToken(SmolStr::new(&self.0)))
    }
}

/// Whether `text` is 12 to 19 digits, however grouped, whose check digit (Luhn) is right.
fn is_card_number(text: &str) -> bool {
    let digits: Option<Vec<u32>> =
        text.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| (12..=19).contains(&digits.len())) else { return false };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Points to use: an amount in minor units, or `"all"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsePoints(order::quote::Points);

impl<'de> Deserialize<'de> for UsePoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let points = match Value::deserialize(deserializer)? {
            Value::String(word) if word == "all" => Some(order::quote::Points::All),
            Value::Number(number) => number
                .as_i64()
                .and_then(|minor| Money::new(minor).ok())
                .filter(|amount| !amount.is_negative())
                .map(order::quote::Points::Amount),
            _ => None,
        };
        points.map(Self).ok_or_else(|| not("a whole amount of at least 0, or \"all\""))
    }
}

impl Serialize for UsePoints {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            order::quote::Points::All => serializer.serialize_str("all"),
            order::quote::Points::Amount(amount) => amount.serialize(serializer),
        }
    }
}

/// How many pieces, 1 to [`order::quote::MOST_PIECES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Quantity(i64);

impl Quantity {
    /// The number.
    pub(crate) fn get(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Checked here and not at the quote, so that the complaint points at the line.
        match i64::deserialize(deserializer)? {
            quantity @ 1..=order::quote::MOST_PIECES => Ok(Self(quantity)),
            _ => Err(not("a whole number from 1 to 1000000")),
        }
    }
}

value_schemas! {
    Card: text(CARD_TOKEN_MAX);
    Quantity: whole(1, order::quote::MOST_PIECES);
    UsePoints: OneOfBuilder::new().item(whole(0, Money::MAX.minor())).item(one_of(["all"]));
}

/// The fields with which an order is paid, the same on a new order and on an order payment.
///
/// # Errors
/// The card cannot be taken.
pub(crate) fn payment(
    user_coupon_id: Option<Uuid>,
    points: Option<UsePoints>,
    card: Option<&Card>,
) -> Result<order::quote::Payment, Refused> {
    Ok(order::quote::Payment {
        user_coupon_id: user_coupon_id.map(UserCouponId),
        points: points.map_or(order::quote::Points::Amount(Money::ZERO), |points| points.0),
        card: card.map(Card::token).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use order::quote::Points;

    #[test]
    fn card_numbers_are_known_by_their_length_and_check_digit() {
        for number in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "4242-4242-4242-4242",
            "378282246310005",
            "6304000000000000",
            "630495060000000000",
            "\u{200b}4242424242424242",
        ] {
            assert!(is_card_number(number), "{number}");
        }
        for token in
            ["tok_ok", "4242424242424241", "42424242424", "tok_4242424242424242", "", "40404040404040404040"]
        {
            assert!(!is_card_number(token), "{token}");
        }
    }

    fn refusal(json: &str) -> Option<(&'static str, String)> {
        let card: Card = serde_json::from_str(json).unwrap();
        card.token().err().map(|refused| (refused.code, refused.to_string()))
    }

    #[test]
    fn a_card_number_is_refused_and_never_repeated() {
        let (code, shown) = refusal(r#""4242 4242 4242 4242""#).unwrap();
        assert_eq!(code, "CARD_NUMBER_REFUSED");
        assert!(!shown.contains("4242"), "{shown}");
        let error = serde_json::from_str::<Card>("4242424242424242").err().unwrap().to_string();
        assert!(!error.contains("4242"), "{error}");
    }

    #[test]
    fn a_card_token_has_1_to_255_characters_and_none_that_steers() {
        assert_eq!(refusal(r#""tok_ok""#), None);
        assert_eq!(refusal(&format!("\"{}\"", "t".repeat(255))), None);
        for json in [r#""""#, r#""a\u0000b""#, &format!("\"{}\"", "t".repeat(256))] {
            assert_eq!(refusal(json).map(|(code, _)| code), Some("INVALID_FIELD"), "{json}");
        }
    }

    #[test]
    fn points_are_an_amount_or_all() {
        let read = |json: &str| serde_json::from_str::<UsePoints>(json).map(|points| points.0).ok();
        assert_eq!(read("\"all\""), Some(Points::All));
        assert_eq!(read("5"), Some(Points::Amount(Money::new(5).unwrap())));
        for json in [
            "-1",
            "1.0",
            "9007199254740992",
            "99999999999999999999",
            "\"ALL\"",
            "\"5\"",
            "true",
            "[]",
            "null",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn a_quantity_is_at_least_one_and_not_absurd() {
        let read = |json: &str| serde_json::from_str::<Quantity>(json).map(Quantity::get).ok();
        assert_eq!(read("1"), Some(1));
        assert_eq!(read("1000000"), Some(1_000_000));
        for json in ["0", "-1", "1000001", "1.5", "99999999999999999999", "\"1\""] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
