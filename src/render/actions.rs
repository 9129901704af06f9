//! What the log says of a rendering.

use crate::audit::Action;
use crate::render::{HostPlan, Rendered, State};

/// One line for each bundle that was written: host, generation and reasons.
pub fn actions(plans: &[HostPlan], rendered: &[Rendered]) -> Vec<Action> {
    let written = rendered.iter().filter_map(|one| Some((&one.host, *one.result.as_ref().ok()?)));
    written
        .map(|(host, generation)| {
            let action = Action::new("render").text("host", host).number("generation", generation);
            match plans.iter().find(|plan| plan.host == *host).map(|plan| &plan.state) {
                Some(State::Stale { reasons, .. }) => action.list("reasons", reasons),
                _ => action,
            }
        })
        .collect()
}
