//! Columns of text, as wide as their widest cell.

use std::fmt;

/// Rows of cells.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    headed: bool,
    numbers: bool,
}

impl Table {
    /// A table with a heading and a rule below it.
    pub(crate) fn headed(titles: &[&str]) -> Self {
        let mut table = Self { headed: true, ..Self::default() };
        table.row(titles);
        table
    }

    /// The same with every column but the first aligned at its right, as numbers are read.
    pub(crate) fn with_numbers(self) -> Self {
        Self { numbers: true, ..self }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: &[&str]) {
        self.rows.push(cells.iter().map(|cell| (*cell).to_owned()).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                let right = self.numbers && column > 0;
                if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            let cells: Vec<String> = cells.collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
            if self.headed && number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                writeln!(f, "{}", rule.join("  ").trim_end())?;
            }
        }
        Ok(())
    }
}
