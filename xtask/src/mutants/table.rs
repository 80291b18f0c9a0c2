//! What every layer said of every bug, as a table.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::layer::{By, Layer, Verdict};
use super::series::Mutant;

/// A bug that needs more seeds than this is found by luck.
const SURE_WITHIN: u32 = 10;
const BEGIN: &str = "<!-- mutants:begin -->\n";
const END: &str = "<!-- mutants:end -->";

/// One bug and what was said of it.
pub(super) struct Row<'a> {
    mutant: &'a Mutant,
    said: BTreeMap<Layer, Verdict>,
}

impl<'a> Row<'a> {
    pub(super) fn new(mutant: &'a Mutant) -> Self {
        Self { mutant, said: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, layer: Layer, verdict: Verdict) {
        self.said.insert(layer, verdict);
    }

    pub(super) fn name(&self) -> &str {
        &self.mutant.name
    }

    /// Whether any layer saw it.
    pub(super) fn is_caught(&self) -> bool {
        self.said.values().any(|verdict| *verdict != Verdict::Passed)
    }

    /// Whether a layer saw it that will see it again: not end to end alone, nor a seed that came late.
    pub(super) fn is_held(&self) -> bool {
        self.said.iter().any(|(layer, verdict)| match verdict {
            Verdict::Passed => false,
            Verdict::Caught(By::Seed(seed)) => *seed <= SURE_WITHIN,
            Verdict::Caught(By::Test(_) | By::End(_)) => *layer != Layer::EndToEnd,
        })
    }

    /// One line for whoever waits.
    pub(super) fn told(&self) -> String {
        let said = self.said.iter().map(|(layer, verdict)| format!("{layer}: {}", cell(Some(verdict))));
        format!("{:<28} {}", self.mutant.name, said.collect::<Vec<_>>().join("; "))
    }
}

fn cell(verdict: Option<&Verdict>) -> String {
    match verdict {
        None => String::new(),
        Some(Verdict::Passed) => "—".to_owned(),
        Some(Verdict::Caught(by)) => by.to_string(),
    }
}

/// The table: only the layers that said anything; an empty cell was not asked, a dash saw nothing.
pub(super) fn markdown(rows: &[Row<'_>]) -> String {
    let asked = |layer: &Layer| rows.iter().any(|row| row.said.contains_key(layer));
    let layers: Vec<Layer> = Layer::ALL.into_iter().filter(asked).collect();
    let titles: String = layers.iter().map(|layer| format!(" {layer} |")).collect();
    let mut text = format!("| bug |{titles}\n|---|{}\n", "---|".repeat(layers.len()));
    for row in rows {
        let cells: String = layers.iter().map(|layer| format!(" {} |", cell(row.said.get(layer)))).collect();
        text.push_str(&format!("| `{}`: {} |{cells}\n", row.mutant.name, row.mutant.bug));
    }
    text
}

/// Puts the table between the marks of `page`.
///
/// # Errors
/// If the page has no such marks.
pub(super) fn put(page: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(page)?;
    let marks = || format!("{} has no marks for the table", page.display());
    let (before, rest) = text.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    Ok(fs::write(page, format!("{before}{BEGIN}{table}{END}{after}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(said: &[(Layer, Verdict)], check: impl FnOnce(&Row<'_>)) {
        let (bug, breaks, design) = ("it forgets".to_owned(), String::new(), String::new());
        let mutant = Mutant { name: "forgets".to_owned(), bug, breaks, design, crates: Vec::new() };
        let mut row = Row::new(&mutant);
        said.iter().for_each(|(layer, verdict)| row.add(*layer, verdict.clone()));
        check(&row);
    }

    #[test]
    fn what_only_a_late_seed_or_the_last_layer_sees_is_caught_by_luck() {
        let held = |layer, by, expected| {
            row(&[(Layer::Unit, Verdict::Passed), (layer, Verdict::Caught(by))], |row| {
                assert!(row.is_caught());
                assert_eq!(row.is_held(), expected);
            });
        };
        held(Layer::Simulation, By::Seed(1), true);
        held(Layer::Simulation, By::Seed(11), false);
        held(Layer::EndToEnd, By::Test("it".to_owned()), false);
        held(Layer::HardCases, By::End("hung"), true);
        row(&[(Layer::Unit, Verdict::Passed)], |row| assert!(!row.is_caught() && !row.is_held()));
    }

    #[test]
    fn the_table_has_the_layers_that_were_asked() {
        row(&[(Layer::Unit, Verdict::Passed), (Layer::Model, Verdict::Caught(By::End("hung")))], |row| {
            let table = markdown(std::slice::from_ref(row));
            assert_eq!(
                table,
                "| bug | unit | model |\n|---|---|---|\n| `forgets`: it forgets | — | hung |\n"
            );
        });
    }
}
