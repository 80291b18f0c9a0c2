//! Stock: opening and adjustments less what done steps took is what there is, and never below nothing.

use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{PRICE, START, id, int, nth, price, said, text, user_id};
use kernel::ids::{ProductId, UserId};
use kernel::testbed::Testbed;
use kernel::{DecideError, Money, Refused};
use product::{
    AdjustStock, CreateProduct, PatchProduct, Product, ProductSku, ProductStatus, Products, StockAdjustment,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Asked {
    Create(CreateProduct),
    Patch(PatchProduct),
    Adjust(AdjustStock),
}

fn asked() -> impl Strategy<Value = Asked> {
    let create = (text(), text(), price(), int(), user_id()).prop_map(|(sku, name, price, stock, by)| {
        Asked::Create(CreateProduct { sku: sku.into(), name: name.into(), price, stock, by })
    });
    let changes = (option::of(text()), option::of(price()), option::of(select(ProductStatus::ALL)));
    let patch = (id(), changes, option::weighted(0.2, int()), user_id(), option::of(text())).prop_map(
        |(id, (name, price, status), expected_version, by, reason)| {
            let (id, name) = (ProductId(id), name.map(Into::into));
            Asked::Patch(PatchProduct { id, name, price, status, expected_version, by, reason })
        },
    );
    let adjust = (id(), int(), option::of(text()), user_id()).prop_map(|(id, adjust, reason, by)| {
        Asked::Adjust(AdjustStock { id: ProductId(id), adjust, reason, by })
    });
    prop_oneof![2 => create, 1 => patch, 3 => adjust]
}

#[derive(Clone)]
struct Shelf;

impl Subject for Shelf {
    type Domain = Products;
    type Command = Asked;

    fn send(
        &mut self,
        bed: &mut Testbed<Products>,
        command: &Asked,
    ) -> Result<Result<(), DecideError>, TestCaseError> {
        let reply: Result<Result<Product, Refused>, DecideError> = match command.clone() {
            Asked::Create(command) => bed.ask(command),
            Asked::Patch(command) => bed.ask(command),
            Asked::Adjust(command) => bed.ask(command),
        };
        Ok(reply.map(drop))
    }

    fn check(&mut self, bed: &Testbed<Products>) -> Result<(), TestCaseError> {
        reads::<_, Product>(bed)?;
        reads::<_, StockAdjustment>(bed)?;
        let books = bed.books().unwrap();
        let mut adjusted: BTreeMap<ProductId, i128> = BTreeMap::new();
        for row in bed.all::<StockAdjustment>() {
            *adjusted.entry(row.product_id).or_default() += i128::from(row.amount);
        }
        let products = bed.all::<Product>();
        for product in &products {
            let moved = books.get(format!("stock:{}", product.id).as_str()).copied().unwrap_or(0);
            let opening = adjusted.get(&product.id).copied().unwrap_or(0);
            prop_assert!(product.stock >= 0, "{} pieces", product.stock);
            prop_assert_eq!(i128::from(product.stock), opening + i128::from(moved));
            prop_assert_eq!(product.sold, -moved);
            prop_assert!(product.price >= Money::ZERO && product.version >= 1);
        }
        let skus: BTreeSet<_> = products.iter().map(|product| product.sku.clone()).collect();
        prop_assert_eq!(skus.len(), products.len(), "a SKU is one product's");
        prop_assert_eq!(bed.all::<ProductSku>().len(), products.len());
        Ok(())
    }
}

/// A shelf with a few products on it: the first ids are theirs.
fn bed() -> Testbed<Products> {
    let mut bed = Testbed::new(Products, START);
    for (sku, stock) in [("a", 0), ("b", 7), ("c", 0), ("d", 40)] {
        let price = Money::new(PRICE).unwrap();
        let by = UserId(nth(1));
        bed.ask(CreateProduct { sku: sku.into(), name: sku.into(), price, stock, by }).unwrap().unwrap();
    }
    bed
}

proptest! {
    #[test]
    fn stock_is_conserved_whatever_comes(script in script(asked(), said())) {
        play(&mut Shelf, &mut bed(), &script)?;
    }
}
