//! The workload, and what each part of it must end in. What is expected is worked out by hand from the promises (design §3).

mod cancels;
mod contention;
mod refusals;
mod successes;

use crate::scene::Scene;

/// Every scene.
#[must_use]
pub fn all() -> Vec<Scene> {
    [successes::SCENES, refusals::SCENES, cancels::SCENES, contention::SCENES].concat()
}

#[cfg(test)]
mod tests {
    use super::all;
    use std::collections::BTreeSet;

    #[test]
    fn every_scene_has_a_name_of_its_own_and_expects_something() {
        let scenes = all();
        let names: BTreeSet<&str> = scenes.iter().map(|scene| scene.name).collect();
        assert_eq!(names.len(), scenes.len());
        for scene in scenes {
            assert!(!scene.expect.trim().is_empty(), "{}", scene.name);
        }
    }
}
