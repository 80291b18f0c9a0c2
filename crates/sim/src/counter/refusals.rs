//! Why there is no answer of the kind that was asked for: which refusal has which status, and what is only unavailable.

use crate::clients::{Answer, Heard, Refused};
use kernel::Kind;
use runtime::CommandError;
use runtime::ports::store::StoreError;

/// Why there is no answer of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// It was refused (4xx).
    Refused(Refused),
    /// It cannot be asked now, or ended in a fault (5xx).
    Unavailable,
}

impl No {
    /// A refusal that the door makes itself.
    pub(super) fn refused(status: u16, code: &str) -> Self {
        Self::Refused(Refused { status, code: code.to_owned() })
    }

    /// 404: there is no such thing, or it is not the caller's.
    pub(super) fn not_found() -> Self {
        Self::refused(404, "NOT_FOUND")
    }

    /// 422: a field cannot be taken.
    pub(super) fn invalid() -> Self {
        Self::refused(422, "INVALID_FIELD")
    }
}

impl From<No> for Heard {
    fn from(no: No) -> Self {
        match no {
            No::Refused(refused) => Self::Answer(Answer::Refused(refused)),
            No::Unavailable => Self::Unavailable,
        }
    }
}

/// The status of each kind of refusal, as HTTP says it.
fn status_of(kind: Kind) -> u16 {
    match kind {
        Kind::Unauthorized => 401,
        Kind::NotFound => 404,
        Kind::Conflict => 409,
        Kind::Stale => 412,
        Kind::Invalid => 422,
    }
}

impl From<kernel::Refused> for No {
    fn from(refused: kernel::Refused) -> Self {
        Self::refused(status_of(refused.kind), refused.code)
    }
}

impl From<CommandError> for No {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Unavailable(..) | CommandError::Full(_) | CommandError::Fault(_) => {
                Self::Unavailable
            }
        }
    }
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Retry(_)
            | StoreError::Full(_)
            | StoreError::Rejected(_)
            | StoreError::Unusable(_) => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_api::Problem;
    use shop::ShopError;

    /// What the HTTP door makes of it.
    fn at_the_door(problem: impl Into<Problem>) -> (u16, String) {
        let problem = problem.into();
        (problem.status.as_u16(), problem.code.into_owned())
    }

    fn here(no: impl Into<No>) -> Option<(u16, String)> {
        match no.into() {
            No::Refused(Refused { status, code }) => Some((status, code)),
            No::Unavailable => None,
        }
    }

    #[test]
    fn refusals_have_the_status_that_the_http_door_gives_them() {
        for kind in [Kind::NotFound, Kind::Conflict, Kind::Invalid, Kind::Stale, Kind::Unauthorized] {
            let refused = kernel::Refused::new(kind, "A_CODE", "why");
            assert_eq!(here(refused.clone()), Some(at_the_door(refused)), "{kind:?}");
        }
        assert_eq!(here(No::not_found()), Some(at_the_door(Problem::not_found("thing"))));
        assert_eq!(here(No::refused(403, "FORBIDDEN")), Some(at_the_door(Problem::forbidden())));
        let invalid = kernel::checks::invalid("/amount", "must be something else");
        assert_eq!(here(No::invalid()), Some(at_the_door(invalid)));
    }

    #[test]
    fn what_is_no_answer_here_is_5xx_at_the_http_door() {
        let why = || "why".to_owned();
        for error in
            [CommandError::Unavailable(why(), why()), CommandError::Fault(why()), CommandError::Full(why())]
        {
            assert_eq!(here(error.clone()), None);
            assert!(at_the_door(ShopError::from(error)).0 >= 500);
        }
        for error in [
            StoreError::Retry(why()),
            StoreError::Full(why()),
            StoreError::Rejected(why()),
            StoreError::Unusable(why()),
        ] {
            assert_eq!(here(error.clone()), None);
            assert!(at_the_door(ShopError::from(error)).0 >= 500);
        }
    }
}
