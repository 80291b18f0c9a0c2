//! Products: the prices that were in force when, and the stock that there can be.

use super::breach::{Docket, Promise, id, named};
use super::people::Outcome;
use super::register::{Moment, Register};
use crate::clients::{Amount, Id, Product, Refused, RequestId};
use std::collections::BTreeMap;

/// One product.
pub(super) struct Item {
    id: Id,
    pub(super) sku: String,
    pub(super) price: Register<Amount>,
    pub(super) opening: Amount,
    /// Adjustments, by their request.
    pub(super) adjustments: BTreeMap<RequestId, (Amount, Outcome)>,
    /// All that was ever to be added.
    most_added: Amount,
    /// All that was ever to be taken, and all that any order ever wanted.
    least_left: Amount,
}

impl Item {
    /// Its SKU and its id.
    pub(super) fn name(&self) -> String {
        format!("{} ({})", self.sku, id(self.id))
    }
}

/// All products.
#[derive(Default)]
pub(super) struct Catalogue {
    pub(super) items: BTreeMap<Id, Item>,
}

impl Catalogue {
    pub(super) fn created(&mut self, product: &Product, opening: Amount, moment: Moment) {
        self.items.entry(product.id).or_insert_with(|| Item {
            id: product.id,
            sku: product.sku.clone(),
            price: Register::new(product.price, moment),
            opening,
            adjustments: BTreeMap::new(),
            most_added: 0,
            least_left: opening,
        });
    }

    pub(super) fn price_asked(&mut self, product: Id, request: RequestId, at: Moment, price: Amount) {
        if let Some(item) = self.items.get_mut(&product) {
            item.price.asked(request, at, price);
        }
    }

    pub(super) fn price_told(&mut self, product: Id, request: RequestId, at: Moment) {
        if let Some(item) = self.items.get_mut(&product) {
            item.price.told(request, at);
        }
    }

    pub(super) fn price_refused(&mut self, product: Id, request: RequestId) {
        if let Some(item) = self.items.get_mut(&product) {
            item.price.refused(request);
        }
    }

    pub(super) fn adjustment_asked(&mut self, product: Id, request: RequestId, adjust: Amount) {
        if let Some(item) = self.items.get_mut(&product) {
            item.adjustments.insert(request, (adjust, Outcome::Unknown));
            item.most_added += adjust.max(0);
            item.least_left += adjust.min(0);
        }
    }

    pub(super) fn adjustment_ended(&mut self, product: Id, request: RequestId, outcome: Outcome) {
        let item = self.items.get_mut(&product);
        if let Some((_, known)) = item.and_then(|item| item.adjustments.get_mut(&request)) {
            *known = outcome;
        }
    }

    /// Stock that is to be taken may be short; stock that is added may not.
    pub(super) fn adjustment_refused(
        &mut self,
        product: Id,
        request: RequestId,
        adjust: Amount,
        refused: &Refused,
        docket: &mut Docket,
    ) {
        self.adjustment_ended(product, request, Outcome::Refused);
        let fits = refused.code == "STOCK_WOULD_BE_NEGATIVE" && adjust < 0;
        docket.check(fits, Promise::RefusedForCause, || {
            let about = format!("an adjustment by {adjust} of {}", named("product", product));
            (about, "done".to_owned(), format!("refused with {}", refused.code))
        });
    }

    /// An order wants pieces, under a body that was not seen before.
    pub(super) fn wanted(&mut self, lines: &[(Id, Amount)]) {
        for (product, quantity) in lines {
            if let Some(item) = self.items.get_mut(product) {
                item.least_left -= quantity;
            }
        }
    }

    /// Whether an order for `quantity` can ever have found too little: orders and adjustments together ask for more than there was.
    pub(super) fn can_run_out(&self, product: Id) -> bool {
        self.items.get(&product).is_none_or(|item| item.least_left < 0)
    }

    /// A product is shown to a question asked at `asked`.
    pub(super) fn shown(&self, product: &Product, asked: Moment, docket: &mut Docket) {
        let Some(item) = self.items.get(&product.id) else { return };
        let most = item.opening + item.most_added;
        docket.check((0..=most).contains(&product.stock), Promise::Conservation, || {
            (format!("the stock of {}", item.name()), format!("from 0 to {most}"), product.stock.to_string())
        });
        let known = item.price.possible(asked).any(|price| *price == product.price);
        docket.check(known, Promise::AcknowledgedIsDurable, || {
            let possible: Vec<&Amount> = item.price.possible(asked).collect();
            (
                format!("the price of {}", item.name()),
                format!("one of {possible:?}"),
                product.price.to_string(),
            )
        });
        docket.check(product.sku == item.sku, Promise::AcknowledgedIsDurable, || {
            (named("product", product.id), item.sku.clone(), product.sku.clone())
        });
    }

    /// Whether `price` was ever in force, up to now.
    pub(super) fn was_ever(&self, product: Id, price: Amount) -> bool {
        self.items.get(&product).is_none_or(|item| item.price.ever().any(|known| *known == price))
    }

    /// Whether `price` was in force at some moment since `from`.
    pub(super) fn was_since(&self, product: Id, price: Amount, from: Moment) -> bool {
        self.items.get(&product).is_none_or(|item| item.price.possible(from).any(|known| *known == price))
    }
}
