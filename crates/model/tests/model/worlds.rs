//! Every small world of every topology: each promise in each state, and everything that should be reachable reached.

use jumun_model::check::{is_about, is_small};
use jumun_model::deployment::SHIPPED;
use jumun_model::world::SMALL;
use jumun_model::{ShopModel, check};

#[track_caller]
fn explore(topology: &str) {
    let mut explored = Vec::new();
    for world in SMALL {
        let model = ShopModel::new(topology, world).unwrap();
        let deployed = model.deployment().topology();
        if is_about(world, deployed) && is_small(world, deployed) {
            let report = check(&model, 2);
            let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
            assert!(faults.is_empty(), "{topology}, {}:\n{}", world.name, faults.join("\n"));
            explored.push(world.name);
        }
    }
    assert!(explored.contains(&"calm") && explored.contains(&"late"), "{topology}: {explored:?}");
}

macro_rules! topologies {
    ($($test:ident = $name:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            explore($name);
        })*

        #[test]
        fn every_topology_that_ships_is_explored() {
            let shipped: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
            assert_eq!(shipped, [$($name),*]);
        }
    };
}

topologies! {
    the_promises_hold_in_the_monolith = "monolith",
    the_promises_hold_where_steps_are_called_one_by_one = "orchestrated-calls",
    the_promises_hold_where_all_steps_hear_the_order = "choreographed-parallel",
    the_promises_hold_where_delivery_is_a_step = "choreographed-parallel, inline",
    the_promises_hold_where_two_halves_work_side_by_side = "validated-async",
    the_promises_hold_in_a_chain = "seven-services",
    the_promises_hold_where_the_order_commands_by_message = "orchestrated-messages",
}
