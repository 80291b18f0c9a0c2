//! Medians of what was measured, and how they compare, in Markdown.

use std::collections::BTreeMap;
use std::fmt;

use super::Load;
use super::ours::Door;
use super::spent::One;

/// Everything that was measured.
#[derive(Default)]
pub(super) struct Measured {
    plain: BTreeMap<(Load, u32), Vec<One>>,
    ours: BTreeMap<(String, Load, Door, u32), Vec<One>>,
}

/// The clients that the plain side is compared at, beside its best number of them.
const AT: u32 = 64;

impl Measured {
    pub(super) fn plain(&mut self, load: Load, clients: u32, one: One) {
        self.plain.entry((load, clients)).or_default().push(one);
    }

    pub(super) fn ours(&mut self, topology: &str, load: Load, door: Door, in_flight: u32, one: One) {
        self.ours.entry((topology.to_owned(), load, door, in_flight)).or_default().push(one);
    }

    /// The plain side's best, and with [`AT`] clients (if it was given so many): orders a second.
    fn compared(&self, load: Load) -> (f64, Option<f64>) {
        let of_load = self.plain.iter().filter(|((of, _), _)| *of == load);
        let best = of_load.map(|(_, ones)| median(ones).rate).fold(0.0, f64::max);
        (best, self.plain.get(&(load, AT)).map(|ones| median(ones).rate))
    }
}

/// Each figure's own median.
fn median(ones: &[One]) -> One {
    let of = |figure: fn(&One) -> f64| {
        let mut figures: Vec<f64> = ones.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    One {
        rate: of(|one| one.rate),
        wal_kb: of(|one| one.wal_kb),
        syncs: of(|one| one.syncs),
        server_us: of(|one| one.server_us),
        client_us: of(|one| one.client_us),
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = format!("× plain at {AT}");
        writeln!(
            f,
            "| | load | in flight | × plain at its best | {at} | orders/s | KB of WAL | syncs | server µs | client µs |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        for ((load, clients), ones) in &self.plain {
            line(f, "plain", *load, *clients, &median(ones), self.compared(*load))?;
        }
        for ((topology, load, door, in_flight), ones) in &self.ours {
            let name = format!("`{topology}`, {door}");
            line(f, &name, *load, *in_flight, &median(ones), self.compared(*load))?;
        }
        Ok(())
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    load: Load,
    in_flight: u32,
    one: &One,
    (best, at): (f64, Option<f64>),
) -> fmt::Result {
    let One { rate, wal_kb, syncs, server_us, client_us } = one;
    let against = at.map_or_else(|| "–".to_owned(), |at| format!("{:.1}", rate / at));
    writeln!(
        f,
        "| {name} | {load} | {in_flight} | {:.1} | {against} | {rate:.0} | {wal_kb:.1} | {syncs:.3} | {server_us:.0} | {client_us:.0} |",
        rate / best
    )
}
