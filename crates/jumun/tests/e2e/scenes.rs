//! The conformance suite over HTTP: what every topology does in one process, it does with a process per unit, too.

mod served;

use conformance::{Scene, Terms, check_scenes, scenes};
use served::Served;
use tokio::runtime::Handle;

in_every_topology_spread_out!(scenes_end_in_the_books_that_they_end_in_everywhere);

/// Scenes with so many customers that signing them up takes longest: played where there are the most units.
const CROWDS: &[&str] = &["a rush by card on the last twenty", "a mixed crowd"];

async fn scenes_end_in_the_books_that_they_end_in_everywhere(topology: &str) {
    let crowds = topology == "spread:seven-services";
    // On the other terms there are only scenes that need time of their own.
    let is_played = |scene: &Scene| scene.terms == Terms::Usual && (crowds || !CROWDS.contains(&scene.name));
    let usual: Vec<Scene> = scenes().into_iter().filter(is_played).collect();
    assert_eq!(scenes().iter().filter(|scene| CROWDS.contains(&scene.name)).count(), CROWDS.len());
    let (topology, runtime) = (topology.to_owned(), Handle::current());
    let play = move || check_scenes(&usual, |_| Served::open(&topology, runtime.clone()));
    let report = tokio::task::spawn_blocking(play).await.unwrap();
    assert!(report.played.len() > 20, "{report}");
    assert!(report.findings.is_empty(), "{report}");
}
