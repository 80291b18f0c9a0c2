//! That everything comes to rest: no run without further faults goes round in circles.
//!
//! Together with the promise about states at rest ([`crate::promises::REST`]) this is liveness: from every state that can be reached, a
//! run in which nothing more goes wrong ends, and it ends well. The checker itself cannot say so, since it does not tell a circle
//! from two ways that meet.

use crate::action::Action;
use crate::model::ShopModel;
use crate::rows::print_of;
use crate::state::State;
use rustc_hash::FxHashMap;
use stateright::Model as _;

/// Where a state stands in the search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// On the way that is being followed.
    OnTheWay,
    /// Every way on from it ends.
    Ends,
}

/// A state on the way, the action that led there, and the progress that it can still make.
struct Frame {
    state: State,
    print: u64,
    led: Option<Action>,
    left: Vec<Action>,
}

/// A run without faults that never ends, from some state that can be reached: the states and actions up to where it closes.
#[must_use]
pub fn circle(model: &ShopModel) -> Option<Vec<(State, Option<Action>)>> {
    let mut marks = FxHashMap::default();
    let mut open = model.init_states();
    while let Some(state) = open.pop() {
        if let Some(circle) = follow(model, state, &mut marks, &mut open) {
            return Some(circle);
        }
    }
    None
}

/// Follows progress from `state` depth first; states that a fault leads to are put aside in `open`.
fn follow(
    model: &ShopModel,
    state: State,
    marks: &mut FxHashMap<u64, Mark>,
    open: &mut Vec<State>,
) -> Option<Vec<(State, Option<Action>)>> {
    let first = frame(model, state, None, marks, open)?;
    let mut way = vec![first];
    while let Some(top) = way.last_mut() {
        let Some(action) = top.left.pop() else {
            marks.insert(top.print, Mark::Ends);
            way.pop();
            continue;
        };
        let Some(next) = model.next_state(&top.state, action.clone()) else { continue };
        if marks.get(&print_of(&next)) == Some(&Mark::OnTheWay) {
            return Some(closed(way, action, next));
        }
        if let Some(next) = frame(model, next, Some(action), marks, open) {
            way.push(next);
        }
    }
    None
}

/// A state that was not looked at before, on the way now.
fn frame(
    model: &ShopModel,
    state: State,
    led: Option<Action>,
    marks: &mut FxHashMap<u64, Mark>,
    open: &mut Vec<State>,
) -> Option<Frame> {
    let print = print_of(&state);
    if marks.contains_key(&print) {
        return None;
    }
    marks.insert(print, Mark::OnTheWay);
    let (mut left, mut all) = (Vec::new(), Vec::new());
    model.progress(&state, &mut left);
    model.actions(&state, &mut all);
    let faults = all.into_iter().filter(|action| !left.contains(action));
    open.extend(faults.filter_map(|action| model.next_state(&state, action)));
    Some(Frame { state, print, led, left })
}

/// The way from where the circle begins to where it closes.
fn closed(way: Vec<Frame>, last: Action, end: State) -> Vec<(State, Option<Action>)> {
    let print = print_of(&end);
    let circle: Vec<Frame> = way.into_iter().skip_while(|frame| frame.print != print).collect();
    let mut actions: Vec<Option<Action>> = circle.iter().skip(1).map(|frame| frame.led.clone()).collect();
    actions.extend([Some(last), None]);
    circle.into_iter().map(|frame| frame.state).chain([end]).zip(actions).collect()
}
