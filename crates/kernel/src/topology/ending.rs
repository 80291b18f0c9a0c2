//! Whether orders end under a topology: their lives are walked through, whichever steps their plans have.

use super::{Checker, Topology, TopologyError};
use crate::judge::{SagaStatus, StepStatus};
use crate::names::Step;
use crate::routing::{Listening, Routing};
use crate::walk::{Flow, ending};

impl Checker<'_> {
    /// Every order whose steps all take effect is confirmed; one of which a step refuses fails, and one that is cancelled ends, too,
    /// without anybody waiting for a deadline.
    pub(super) fn check_endings(&self, topology: &Topology) -> Result<(), TopologyError> {
        // Whoever else listens changes nothing about the steps.
        let routing = Routing::compile(topology, self.known, &Listening::default());
        for steps in self.plans(topology) {
            self.check_success(topology, &routing, &steps)?;
            let refusals = steps.iter().cloned().map(Flow::Refused);
            for flow in refusals.chain([Flow::Cancelled]) {
                let saga = ending(topology, &routing, &steps, &flow).saga;
                if !matches!(saga.status, SagaStatus::Failed | SagaStatus::Cancelled) {
                    let open = saga.steps.iter().find(|step| step.status != StepStatus::Compensated);
                    let step = open.map_or(&steps[0], |open| &open.name);
                    let complaint =
                        format!("an order of {} would stay {}: {flow:?}", list(&steps), saga.status);
                    return self.error(self.at_route(step), complaint);
                }
            }
        }
        Ok(())
    }

    fn check_success(
        &self,
        topology: &Topology,
        routing: &Routing,
        steps: &[Step],
    ) -> Result<(), TopologyError> {
        let end = ending(topology, routing, steps, &Flow::Success);
        let Some(open) = end.saga.steps.iter().find(|step| step.status != StepStatus::Done) else {
            return Ok(());
        };
        let step = &open.name;
        let why = match end.acted.contains(step) {
            true => format!(
                "the judge is not told that `{step}` is done: list it, or a step that follows it, in saga.judged_on"
            ),
            false => format!("nothing makes `{step}` act"),
        };
        self.error(self.at_route(step), format!("an order of {} is never confirmed: {why}", list(steps)))
    }

    /// Every choice of steps that an order may be planned with. Where the file lists whom the judge hears, those are in every plan:
    /// nobody else could tell it of the others.
    fn plans(&self, topology: &Topology) -> Vec<Vec<Step>> {
        let listed = !self.file.saga.get_ref().judged_on.is_empty();
        let fixed =
            |step: &&Step| topology.always.contains(step) || (listed && topology.judged_on.contains(step));
        let choices = topology.order.iter().fold(vec![Vec::new()], |plans: Vec<Vec<&Step>>, step| {
            let with = plans.iter().map(|plan| [plan.as_slice(), &[step]].concat());
            let without = plans.iter().filter(|_| !fixed(&step)).cloned();
            with.chain(without).collect()
        });
        let some = choices.into_iter().filter(|plan| !plan.is_empty());
        some.map(|plan| plan.into_iter().cloned().collect()).collect()
    }
}

fn list(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ")
}
