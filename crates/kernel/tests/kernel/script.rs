//! Dialogues as text: what is told on the left of `=>`, what follows on its right.

use jumun_kernel::{Reason, Said, Step};

/// Plays the left side of every line and holds what follows against the right side.
#[track_caller]
pub(crate) fn dialogue(expected: &str, mut play: impl FnMut(&str) -> String) {
    let lines = expected.lines().map(str::trim).filter(|line| !line.is_empty());
    let (mut wanted, mut played) = (Vec::new(), Vec::new());
    for line in lines {
        let (told, follows) = line.split_once("=>").unwrap_or((line, "?"));
        let told = told.trim();
        wanted.push(format!("{told} => {}", follows.trim()));
        played.push(format!("{told} => {}", play(told)));
    }
    assert!(played == wanted, "expected\n{}\n\nplayed\n{}\n", wanted.join("\n"), played.join("\n"));
}

/// `stock done`, `point done after stock coupon`, `stock refused OUT_OF_STOCK`, `stock compensated [REASON]`, `stock stuck`,
/// `stock pending`.
pub(crate) fn said(told: &str) -> Option<Said> {
    let words: Vec<&str> = told.split_whitespace().collect();
    let step = Step::new(words.first()?);
    match words.get(1..)? {
        ["done"] => Some(Said::Done { step, prior: Vec::new() }),
        ["done", "after", prior @ ..] => {
            Some(Said::Done { step, prior: prior.iter().map(|s| Step::new(s)).collect() })
        }
        ["refused", reason] => Some(Said::Refused { step, reason: Reason::new(reason) }),
        ["compensated"] => Some(Said::Compensated { step, cause: None }),
        ["compensated", cause] => Some(Said::Compensated { step, cause: Some(Reason::new(cause)) }),
        ["stuck"] => Some(Said::Stuck { step, error: "the carrier is on strike".into() }),
        ["pending"] => Some(Said::Pending { step }),
        _ => None,
    }
}

/// The words of [`said`] for one that was said.
pub(crate) fn shown(said: &Said) -> String {
    let name = said.name().replace('.', " ");
    match said {
        Said::Done { prior, .. } if !prior.is_empty() => format!("{name} after {}", joined(prior, " ")),
        _ => match said.reason() {
            Some(reason) => format!("{name} {reason}"),
            None => name,
        },
    }
}

/// `none`, or all of them.
pub(crate) fn list(parts: &[String]) -> String {
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

pub(crate) fn joined(parts: &[impl ToString], between: &str) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
