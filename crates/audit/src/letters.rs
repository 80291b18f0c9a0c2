//! Dead letters: listed, and what they excuse. What an operator was told of, or has ended by a note, is no discrepancy.

use crate::AuditError;
use crate::findings::Findings;
use crate::report::Letter;
use crate::scene::Scene;
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::{DomainName, Step, Value};
use uuid::Uuid;

/// Lists every open and resolved letter of every database.
pub(crate) fn list(scene: &Scene<'_>, findings: &mut Findings) -> Result<(), AuditError> {
    for home in 0..scene.homes.len() {
        let moment = scene.moment(home);
        let mut letters = moment.pages::<DeadLetter>();
        while let Some(letter) = letters.next_if(|_| true)? {
            match letter.status {
                LetterStatus::Open | LetterStatus::Resolved => findings.listed().dead_letters.add(Letter {
                    database: moment.name.to_owned(),
                    id: letter.id.0,
                    domain: letter.domain,
                    order_id: letter.order_id,
                    step: letter.step,
                    kind: letter.kind,
                    status: letter.status,
                    error: letter.error.to_string(),
                    note: letter.note.map(String::from),
                }),
                LetterStatus::Redriven => {}
            }
        }
    }
    Ok(())
}

/// Whether a listed letter stands for what `domain` (or its `step`) has to do with the order or top-up `saga`. Asked only
/// where something differs.
pub(crate) fn excuse(
    scene: &Scene<'_>,
    saga: Uuid,
    domain: &DomainName,
    step: Option<&Step>,
) -> Result<bool, AuditError> {
    for home in 0..scene.homes.len() {
        let letters = scene.moment(home).those::<DeadLetter>("order_id", Value::Id(saga))?;
        let stands = |letter: &DeadLetter| match &letter.step {
            Some(about) => step == Some(about),
            None => letter.domain == *domain,
        };
        if letters.iter().any(|letter| letter.status != LetterStatus::Redriven && stands(letter)) {
            return Ok(true);
        }
    }
    Ok(false)
}
