//! Shapes of what people type, checked the same way in every domain.

use crate::error::{DecideError, Kind, Refused};
use crate::money::OutOfRange;

/// The field at `pointer` has the wrong shape; `detail` says what is expected.
pub fn invalid(pointer: &'static str, detail: impl Into<String>) -> Refused {
    Refused::invalid(pointer, "INVALID_FIELD", detail)
}

/// `text` has 1 to `max` characters, not all blank, none of them a control character.
///
/// # Errors
/// The refusal of the field at `pointer`.
pub fn text(pointer: &'static str, text: &str, max: usize) -> Result<(), Refused> {
    if text.trim().is_empty() || text.chars().count() > max {
        return Err(invalid(pointer, format!("must have 1 to {max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(pointer, "must not hold control characters"));
    }
    Ok(())
}

/// The longest reason that an administrator can give, in characters.
pub const REASON_MAX: usize = 500;

/// An administrator's `/reason`, where one is given, is a text of at most [`REASON_MAX`] characters.
///
/// # Errors
/// The refusal of `/reason`.
pub fn reason(reason: Option<&str>) -> Result<(), Refused> {
    reason.map_or(Ok(()), |reason| text("/reason", reason, REASON_MAX))
}

/// The caller's version, if it gave one, is the current one.
///
/// # Errors
/// [`Kind::Stale`] if it is not.
pub fn version(expected: Option<i64>, current: i64) -> Result<(), Refused> {
    match expected {
        Some(expected) if expected != current => Err(Refused::new(
            Kind::Stale,
            "VERSION_MISMATCH",
            format!("the current version is {current}, not {expected}"),
        )),
        Some(_) | None => Ok(()),
    }
}

/// One more than `count`.
///
/// # Errors
/// [`DecideError::OutOfRange`] at the end of counting: only a damaged row is there.
pub fn one_more(count: i64) -> Result<i64, DecideError> {
    Ok(count.checked_add(1).ok_or(OutOfRange)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_neither_blank_nor_too_long_nor_hold_control_characters() {
        for (given, taken) in
            [("a", true), ("주문들", true), ("주문주문", false), ("", false), ("  ", false), ("a\n", false)]
        {
            assert_eq!(text("/name", given, 3).is_ok(), taken, "{given:?}");
        }
    }

    #[test]
    fn a_reason_need_not_be_given_but_says_something() {
        assert_eq!(reason(None), Ok(()));
        assert_eq!(reason(Some("fraud")), Ok(()));
        let pointer = |given: &str| reason(Some(given)).map_err(|refused| refused.pointer);
        assert_eq!(pointer(" "), Err(Some("/reason")));
        assert_eq!(pointer(&"x".repeat(REASON_MAX + 1)), Err(Some("/reason")));
    }

    #[test]
    fn counting_ends_and_does_not_begin_again() {
        assert_eq!((one_more(1), one_more(i64::MAX).is_err()), (Ok(2), true));
    }

    #[test]
    fn a_version_is_compared_only_where_one_is_given() {
        assert_eq!(version(None, 3), Ok(()));
        assert_eq!(version(Some(3), 3), Ok(()));
        assert_eq!(version(Some(2), 3).map_err(|refused| refused.kind), Err(Kind::Stale));
    }
}
