//! A value that requests set, of which it is not always known whether and when they took effect.

use crate::clients::RequestId;
use std::collections::BTreeMap;

/// A moment in what the oracle heard: requests and answers are counted through. Smaller is earlier.
pub(super) type Moment = u64;

/// Every value that something may have had when. A write takes effect once between its question and its answer; one whose answer
/// was lost may take effect at any time after its question, or never.
pub(super) struct Register<T> {
    /// Asked, and not answered (yet).
    open: BTreeMap<RequestId, (Moment, T)>,
    /// Answered, by the time of the answer.
    done: Vec<Write<T>>,
    /// When something else than the first value was first asked for.
    changed: Option<Moment>,
}

struct Write<T> {
    value: T,
    told: Moment,
    /// The latest question of this and all writes that were answered before it.
    latest_asked: Moment,
}

impl<T: PartialEq + Clone> Register<T> {
    /// It has `value` from `at` on.
    pub(super) fn new(value: T, at: Moment) -> Self {
        let first = Write { value, told: at, latest_asked: at };
        Self { open: BTreeMap::new(), done: vec![first], changed: None }
    }

    /// `request` asks to set it.
    pub(super) fn asked(&mut self, request: RequestId, at: Moment, value: T) {
        if self.changed.is_none() && self.done.first().is_none_or(|first| first.value != value) {
            self.changed = Some(at);
        }
        self.open.insert(request, (at, value));
    }

    /// `request` was answered: done.
    pub(super) fn told(&mut self, request: RequestId, at: Moment) {
        if let Some((asked, value)) = self.open.remove(&request) {
            let before = self.done.last().map_or(0, |write| write.latest_asked);
            self.done.push(Write { value, told: at, latest_asked: asked.max(before) });
        }
    }

    /// `request` was refused.
    pub(super) fn refused(&mut self, request: RequestId) {
        self.open.remove(&request);
    }

    /// Whether it may ever have been asked to be something else than at first, up to `to`.
    pub(super) fn may_have_changed(&self, to: Moment) -> bool {
        self.changed.is_some_and(|at| at <= to)
    }

    /// The values that it may have had at some moment from `from` on, up to now.
    pub(super) fn possible(&self, from: Moment) -> impl Iterator<Item = &T> {
        // What was answered before `from`, and asked last: whatever was answered before it was asked is overwritten by then.
        let before = self.done.partition_point(|write| write.told < from);
        let standing = before.checked_sub(1).map_or(0, |last| self.done[last].latest_asked);
        let kept = self.done.partition_point(|write| write.told < standing);
        let open = self.open.values().map(|(_, value)| value);
        self.done[kept..].iter().map(|write| &write.value).chain(open)
    }

    /// Every value that was ever asked for, up to now.
    pub(super) fn ever(&self) -> impl Iterator<Item = &T> {
        self.possible(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(register: &Register<i64>, from: Moment) -> Vec<i64> {
        register.possible(from).copied().collect()
    }

    #[test]
    fn a_write_that_was_answered_is_all_there_is_until_the_next_is_asked() {
        let mut register = Register::new(1, 0);
        register.asked(RequestId(1), 10, 2);
        assert_eq!(at(&register, 5), [1, 2]);
        assert_eq!(at(&register, 50), [1, 2], "it may be done late");
        register.told(RequestId(1), 20);
        assert_eq!(at(&register, 15), [1, 2]);
        assert_eq!(at(&register, 21), [2]);
        register.asked(RequestId(2), 30, 3);
        register.told(RequestId(2), 40);
        assert_eq!(at(&register, 41), [3]);
        assert_eq!(at(&register, 25), [2, 3]);
        assert_eq!(at(&register, 0), [1, 2, 3]);
        assert!(register.may_have_changed(10) && !register.may_have_changed(9));
    }

    #[test]
    fn two_writes_at_once_may_have_come_in_either_order() {
        let mut register = Register::new(1, 0);
        register.asked(RequestId(1), 10, 2);
        register.asked(RequestId(2), 11, 3);
        register.told(RequestId(2), 20);
        register.told(RequestId(1), 21);
        assert_eq!(at(&register, 30), [3, 2]);
    }

    #[test]
    fn a_lost_write_is_possible_for_ever_and_a_refused_one_never() {
        let mut register = Register::new(1, 0);
        register.asked(RequestId(1), 10, 2);
        register.asked(RequestId(2), 20, 3);
        register.told(RequestId(2), 30);
        register.asked(RequestId(3), 40, 4);
        register.refused(RequestId(3));
        assert_eq!(at(&register, 50), [3, 2]);
    }
}
