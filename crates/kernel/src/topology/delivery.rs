//! `payment_delivery`: one file serves both settings by that line. Where delivery is deferred, whatever the file says about the
//! step `delivery` is left out.

use super::{File, PaymentDelivery, RouteTable, SagaTable, TopologyError, line_at};
use crate::names::Step;
use toml::Spanned;

impl File {
    pub(super) fn payment_delivery(&self) -> PaymentDelivery {
        self.payment_delivery.as_ref().map(|setting| *setting.get_ref()).unwrap_or_default()
    }
}

/// Makes `file` say what its setting means; `true` if that changed it.
///
/// # Errors
/// If delivery is to be a step that has no route, or a step hears nobody without it.
pub(super) fn settle(text: &str, file: &mut File) -> Result<bool, TopologyError> {
    let error = |at: usize, message: String| Err(TopologyError { line: line_at(text, at), message });
    let has_step = file.step.keys().any(is_delivery);
    match (file.payment_delivery(), has_step) {
        (PaymentDelivery::Inline, true) | (PaymentDelivery::Deferred, false) => Ok(false),
        (PaymentDelivery::Inline, false) => {
            let at = file.payment_delivery.as_ref().map_or(0, |setting| setting.span().start);
            error(at, format!("inline delivery needs a [step.{}]", Step::DELIVERY))
        }
        (PaymentDelivery::Deferred, true) => match leave_out(file) {
            None => Ok(true),
            Some(deaf) => error(
                deaf.span().start,
                format!("step `{}` acts on nothing where delivery is deferred", deaf.get_ref()),
            ),
        },
    }
}

/// Leaves the step out wherever it is named; returns a step that hears nobody any more.
fn leave_out(file: &mut File) -> Option<Spanned<String>> {
    file.step.retain(|name, _| !is_delivery(name));
    let SagaTable { order, always, groups, judged_on, refusals_judged_on, listed_after, inquiry: _ } =
        file.saga.get_mut();
    for steps in [order, always, judged_on, refusals_judged_on].into_iter().chain(groups.iter_mut()) {
        steps.retain(|name| !is_delivery(name));
    }
    listed_after.take_if(|name| is_delivery(name));
    groups.retain(|group| !group.is_empty());
    let mut deaf = None;
    for (name, RouteTable { acts_on, compensates_on }) in file.step.iter_mut().chain(&mut file.follower) {
        let heard = acts_on.len();
        for words in [&mut *acts_on, compensates_on] {
            words.retain(|word| !is_said_by_delivery(word));
        }
        if heard > 0 && acts_on.is_empty() {
            deaf.get_or_insert_with(|| name.clone());
        }
    }
    deaf
}

fn is_delivery(name: &Spanned<String>) -> bool {
    name.get_ref() == Step::DELIVERY.as_str()
}

fn is_said_by_delivery(word: &Spanned<String>) -> bool {
    word.get_ref().split_once('.').is_some_and(|(step, _)| step == Step::DELIVERY.as_str())
}
