//! Products: made, priced, stocked, looked at; and which sold best.

use super::caller::admin;
use super::follow::followed;
use super::orders::money;
use super::refusals::No;
use super::wait::{Turn, ask};
use super::{Sight, render};
use crate::clients::{Amount, Answer, Caller, Id};
use kernel::ids::ProductId;
use kernel::topology::QuoteFrom;
use product::{AdjustStock, CreateProduct, PatchProduct, Product};
use shop::reads::best_sellers;
use uuid::Uuid;

/// The longest window of best sellers, in days.
const DAYS: u32 = 365;
/// The most best sellers.
const MOST: u32 = 100;

/// Adds a product, for sale at once.
pub(super) fn create(
    sight: &Sight<'_>,
    from: Caller,
    sku: &str,
    price: Amount,
    stock: Amount,
) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let (price, stock) = (money(price)?, money(stock)?.minor());
    let command = CreateProduct { sku: sku.into(), name: sku.into(), price, stock, by };
    Ok(ask(sight, &*sight.system("product")?, command, |product, sight| once_quoted(sight, &product)))
}

/// Changes a price.
pub(super) fn set_price(sight: &Sight<'_>, from: Caller, product: Id, price: Amount) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let command = PatchProduct {
        id: product_id(product),
        name: None,
        price: Some(money(price)?),
        status: None,
        expected_version: None,
        by,
        reason: None,
    };
    Ok(ask(sight, &*sight.system("product")?, command, |product, sight| once_quoted(sight, &product)))
}

/// The product as it is now, once quotes that are made from copies know it too.
fn once_quoted(sight: &Sight<'_>, product: &Product) -> Result<Turn, No> {
    let answer = told(product);
    match sight.system("product")?.topology().quote {
        QuoteFrom::Replica => followed(sight, "product", "order", move |_| Ok(answer)),
        QuoteFrom::Local | QuoteFrom::Calls => Ok(answer),
    }
}

/// Adds or takes stock, never below zero.
pub(super) fn adjust(sight: &Sight<'_>, from: Caller, product: Id, adjust: Amount) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let adjust = money(adjust)?.minor();
    let command = AdjustStock { id: product_id(product), adjust, reason: None, by };
    Ok(ask(sight, &*sight.system("product")?, command, |product, _| Ok(told(&product))))
}

/// One product.
pub(super) fn show(sight: &Sight<'_>, product: Id) -> Result<Turn, No> {
    let product: Option<Product> = sight.get("product", (product_id(product),))?;
    product.as_ref().map(told).ok_or_else(No::not_found)
}

/// What sold best, by the day on which its order was confirmed.
pub(super) fn best(sight: &Sight<'_>) -> Result<Turn, No> {
    followed(sight, "order", "ranking", |sight| {
        let now = sight.system("ranking")?.clock().now();
        let sold = best_sellers(sight.reader("ranking")?.as_ref(), now, DAYS, MOST)?;
        let sold = sold.into_iter().map(|best| (best.product.0.as_u128(), best.sold)).collect();
        Ok(Turn::Told(Answer::BestSellers(sold)))
    })
}

fn told(product: &Product) -> Turn {
    Turn::Told(Answer::Product(render::product(product)))
}

fn product_id(id: Id) -> ProductId {
    ProductId(Uuid::from_u128(id))
}
