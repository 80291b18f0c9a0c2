//! The test cards: what a card token makes the simulator do.

/// What the simulator does with a card. A fault befalls the charge, not its repetition: once the book has a charge, its key
/// is answered from the book, whatever the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Card {
    /// `tok_ok`, and any other `tok_…`.
    Approves,
    /// `tok_decline` and what is no token: refused for good, and recorded so.
    Declines {
        /// Why.
        code: &'static str,
    },
    /// `tok_slow`: approves, after the configured delay.
    ApprovesSlowly,
    /// `tok_error`: an error, nothing charged.
    Fails,
    /// `tok_timeout_charged`: charges, and never answers.
    ChargesSilently,
    /// `tok_timeout_uncharged`: never answers, charges nothing.
    Ignores,
    /// `tok_cancel_error`: approves; its cancel fails [`CANCEL_ERRORS`] times.
    CancelsBadly,
}

/// What every token starts with. Anything else may be a card number.
pub(super) const TOKEN_PREFIX: &str = "tok_";
/// How often the cancel of a `tok_cancel_error` charge fails before it succeeds.
pub(super) const CANCEL_ERRORS: u32 = 5;

impl Card {
    /// The card behind a token.
    pub(super) fn of(token: &str) -> Self {
        match token {
            "tok_decline" => Self::Declines { code: "CARD_DECLINED" },
            "tok_slow" => Self::ApprovesSlowly,
            "tok_error" => Self::Fails,
            "tok_timeout_charged" => Self::ChargesSilently,
            "tok_timeout_uncharged" => Self::Ignores,
            "tok_cancel_error" => Self::CancelsBadly,
            other if other.starts_with(TOKEN_PREFIX) => Self::Approves,
            _ => Self::Declines { code: "INVALID_CARD" },
        }
    }

    /// Why the card is refused, if it is.
    pub(super) fn decline_code(self) -> Option<&'static str> {
        match self {
            Self::Declines { code } => Some(code),
            Self::Approves
            | Self::ApprovesSlowly
            | Self::Fails
            | Self::ChargesSilently
            | Self::Ignores
            | Self::CancelsBadly => None,
        }
    }

    /// How many cancels of its charge will fail. All that the book keeps of a card.
    pub(super) fn cancel_errors(self) -> u32 {
        match self {
            Self::CancelsBadly => CANCEL_ERRORS,
            Self::Approves
            | Self::Declines { .. }
            | Self::ApprovesSlowly
            | Self::Fails
            | Self::ChargesSilently
            | Self::Ignores => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_token_is_a_card_and_anything_else_is_not() {
        assert_eq!(Card::of("tok_ok"), Card::Approves);
        assert_eq!(Card::of("tok_visa_4242"), Card::Approves);
        assert_eq!(Card::of("4242424242424242"), Card::Declines { code: "INVALID_CARD" });
        assert_eq!(Card::of(""), Card::Declines { code: "INVALID_CARD" });
    }
}
