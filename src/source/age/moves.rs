//! The order in which the files of a place are brought from one state to another. Pure.
//!
//! After each step every key of the new state that was there before is still in some file, so a run that ends anywhere
//! loses nothing that is to stay.

/// What a file holds: a number for each distinct content, `None` for no file.
pub(super) type Content = Option<usize>;

/// One change to the files, which are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The file gets this content, in one step.
    Put(usize, usize),
    /// The file goes.
    Remove(usize),
    /// Two files change places, in one step.
    Exchange(usize, usize),
}

/// The steps from one state to another.
pub(super) fn plan<const FILES: usize>(from: [Content; FILES], to: [Content; FILES]) -> Vec<Step> {
    let mut now = from;
    let mut steps = Vec::new();
    while now != to {
        let step = next(&now, &to);
        apply(&mut now, step);
        steps.push(step);
    }
    steps
}

fn next<const FILES: usize>(now: &[Content; FILES], to: &[Content; FILES]) -> Step {
    let wrong = || (0..FILES).rev().filter(|at| now[*at] != to[*at]);
    let elsewhere = |at: usize| (0..FILES).any(|other| other != at && now[other] == now[at]);
    let free = |at: usize| now[at].is_none() || !to.contains(&now[at]) || elsewhere(at);
    // New files first, so that a full disk is met before anything is given up.
    let adding = wrong().find(|at| now[*at].is_none() && to[*at].is_some());
    match adding.or_else(|| wrong().find(|at| free(*at))) {
        Some(at) => to[at].map_or(Step::Remove(at), |content| Step::Put(at, content)),
        None => {
            // Each wrong file holds the only copy of what another one shall hold: they go in a circle.
            let at = wrong().next().unwrap_or_default();
            let other = (0..FILES).find(|other| now[*other] == to[at]).unwrap_or_default();
            Step::Exchange(at, other)
        }
    }
}

fn apply<const FILES: usize>(now: &mut [Content; FILES], step: Step) {
    match step {
        Step::Put(at, content) => now[at] = Some(content),
        Step::Remove(at) => now[at] = None,
        Step::Exchange(at, other) => now.swap(at, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_keeps_the_old_key_before_it_replaces_it() {
        use Step::{Exchange, Put, Remove};
        assert_eq!(plan([Some(0), None, None], [Some(1), Some(0), None]), [Put(1, 0), Put(0, 1)]);
        assert_eq!(plan([Some(1), Some(0), None], [Some(1), None, Some(0)]), [Put(2, 0), Remove(1)]);
        assert_eq!(plan([Some(1), Some(0), None], [Some(0), Some(1), None]), [Exchange(1, 0)]);
        assert_eq!(plan([Some(1), Some(0), None], [None, None, None]), [Remove(1), Remove(0)]);
    }

    #[test]
    fn from_any_state_to_any_other_no_key_that_stays_is_ever_missing() {
        let states: Vec<[Content; 3]> =
            (0..6_usize.pow(3)).map(|n| [n % 6, n / 6 % 6, n / 36].map(|content| content.checked_sub(1))).collect();
        for from in &states {
            for to in &states {
                let steps = plan(*from, *to);
                assert!(steps.len() <= 4, "{from:?} {to:?} {steps:?}");
                let mut now = *from;
                for step in steps {
                    apply(&mut now, step);
                    let stays = from.iter().flatten().filter(|key| to.contains(&Some(**key)));
                    for key in stays {
                        assert!(now.contains(&Some(*key)), "{from:?} {to:?} {step:?}");
                    }
                }
                assert_eq!(now, *to);
            }
        }
    }
}
