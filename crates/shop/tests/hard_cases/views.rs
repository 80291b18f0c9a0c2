//! Views follow: a read just after a write shows it, also when the log's last rows concern the view's database not at all.

use crate::support::{Buy, World};
use runtime::worker::Stepped;

#[test]
fn rows_of_no_concern_do_not_hold_a_read_up() {
    let follows_only = |world: &World| world.apart("product", "ranking");
    for mut world in World::each_apart("order", "ranking").filter(follows_only) {
        let user = world.customer(10_000);
        let mug = world.product(1_000, 1);
        world.buy(&Buy::with_points(user, mug, 1));
        world.hold("ranking");
        // Ranking hears nothing of a failed order.
        world.buy(&Buy::with_points(user, mug, 1));
        while world.step("ranking") == Stepped::Worked {}
        let (_, head) = world.system().home(&order::NAME).unwrap().tail.head();
        let ranking = &world.system().home(&ranking::NAME).unwrap().progress;
        assert_eq!(ranking.positions()["order"], head);
    }
}
