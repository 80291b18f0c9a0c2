//! The product domain: the catalogue, the stock, and how much of each product was sold.
//!
//! Books: a product's `stock` = Σ `amount` of its `stock_adjustments` (the initial stock is the first of them), plus the
//! opening of `stock:<product>`, plus Σ movements of done receipts. Its `sold` is that opening and those movements,
//! negated.
//!
//! Reading order: [`tables`] → [`catalogue`] (what administrators change) → [`adjust`] (stock that comes or goes without
//! an order) → [`stock`] (the step of an order).

pub mod adjust;
pub mod catalogue;
pub mod stock;
pub mod tables;

#[cfg(test)]
mod tests;

pub use adjust::AdjustStock;
pub use catalogue::{CreateProduct, PatchProduct};
pub use tables::{Product, ProductSku, ProductStatus, StockAdjustment};

use kernel::{Cx, DecideError, Domain, DomainName, Input, Keys, Participant, Record, Table, WorkingSet};
use stock::Stock;

/// The domain's name in topologies.
pub const NAME: DomainName = DomainName::of("product");

/// The product domain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Products;

impl Domain for Products {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![Product::TABLE, ProductSku::TABLE, StockAdjustment::TABLE]
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        vec![&Stock]
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        match Asked::read(input)? {
            Asked::Create(command) => keys.want::<ProductSku>((command.sku.clone(),)),
            Asked::Patch(command) => keys.want::<Product>((command.id,)),
            Asked::Adjust(command) => keys.want::<Product>((command.id,)),
        }
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        match Asked::read(input)? {
            Asked::Create(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::Patch(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::Adjust(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
        }
    }
}

/// The commands there are. The domain hears nothing, keeps nothing that falls due and raises no dead letters.
enum Asked<'a> {
    Create(&'a CreateProduct),
    Patch(&'a PatchProduct),
    Adjust(&'a AdjustStock),
}

impl<'a> Asked<'a> {
    fn read(input: &Input<'a>) -> Result<Self, DecideError> {
        let known = match input {
            Input::Command(command) => None
                .or_else(|| command.downcast_ref().map(Self::Create))
                .or_else(|| command.downcast_ref().map(Self::Patch))
                .or_else(|| command.downcast_ref().map(Self::Adjust)),
            Input::Heard(_) | Input::Due { .. } | Input::Redriven(_) | Input::Resolved(_) => None,
        };
        known.ok_or_else(|| DecideError::Impossible("product is asked only its own commands".to_owned()))
    }
}
