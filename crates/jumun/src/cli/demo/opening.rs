//! Who is who and what is sold.

use super::Stage;
use super::api::{Api, Made, Person};
use super::story::amount;
use anyhow::Context;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// SKU, name, price and opening stock.
const CATALOGUE: [(&str, &str, i64, i64); 5] = [
    ("MUG", "Stoneware mug", 12_000, 100),
    ("TEA", "Jeju green tea", 8_500, 100),
    ("KETTLE", "Copper kettle", 89_000, 3),
    ("LAMP", "Paper lamp, limited", 35_000, 10),
    ("TRAY", "Walnut tray", 24_000, 100),
];
const CUSTOMERS: [&str; 5] = ["Mina", "Joon", "Sora", "Haru", "Dabin"];
const POINTS: i64 = 20_000;
const COUPONS: usize = 3;
/// How many sign up at once: each password is hashed slowly on purpose.
const AT_ONCE: usize = 4;

/// A product of the catalogue.
pub(super) struct Product {
    pub(super) id: Uuid,
    pub(super) sku: &'static str,
}

/// Somebody with a coupon.
pub(super) struct Holder {
    pub(super) person: Person,
    pub(super) coupon: Uuid,
}

/// Everybody and everything that the story is about.
pub(super) struct Cast {
    products: Vec<Product>,
    /// Those who were quick enough for a coupon.
    pub(super) holders: [Holder; COUPONS],
    /// Those who were not.
    pub(super) others: Vec<Person>,
}

/// What a customer and the shop have.
pub(super) struct Holdings {
    pub(super) stock: i64,
    pub(super) points: i64,
    pub(super) coupon: String,
}

impl Cast {
    /// Opens the shop: catalogue, customers, points and coupons.
    pub(super) async fn gather(stage: &mut Stage<'_>) -> anyhow::Result<Self> {
        let api = stage.api().clone();
        stage.story.chapter("A shop opens");
        let mut products = Vec::new();
        for (sku, name, price, stock) in CATALOGUE {
            let body = json!({"sku": sku, "name": name, "price": price, "stock": stock});
            let made: Made = api.post(&stage.admin, "/v1/products", &body).await?;
            products.push(Product { id: made.id, sku });
        }
        let rows = CATALOGUE.map(|(_, name, price, stock)| (name, vec![amount(price), stock.to_string()]));
        stage.story.table(&["price, KRW", "stock"], &rows);
        let customers = sign_up(&api, &CUSTOMERS.map(str::to_owned)).await?;
        for customer in &customers {
            let path = format!("/v1/users/{}/points", customer.id);
            let grant = json!({"adjust": POINTS, "reason": "a welcome gift"});
            let _: Value = api.post(&stage.admin, &path, &grant).await?;
        }
        stage.story.tell(&format!(
            "{} sign up, and an administrator gives each {} points. Then {COUPONS} coupons, 5,000 off, are there for \
             who comes first: all five ask at once.",
            CUSTOMERS.join(", "),
            amount(POINTS)
        ));
        let (holders, others) = first_come(stage, customers).await?;
        Ok(Self { products, holders, others })
    }

    pub(super) fn product(&self, sku: &str) -> anyhow::Result<&Product> {
        self.products
            .iter()
            .find(|product| product.sku == sku)
            .context("a product that is not in the catalogue")
    }

    /// An order of `lines` (SKU and quantity), with what else its body says.
    pub(super) fn order(&self, lines: &[(&str, i64)], rest: Value) -> anyhow::Result<Value> {
        let line = |(sku, quantity): &(&str, i64)| {
            anyhow::Ok(json!({"product_id": self.product(sku)?.id, "quantity": quantity}))
        };
        let mut body = rest;
        body["lines"] = lines.iter().map(line).collect::<Result<Value, _>>()?;
        Ok(body)
    }

    pub(super) async fn stock(&self, api: &Api, admin: &Person, sku: &str) -> anyhow::Result<i64> {
        #[derive(Deserialize)]
        struct Stocked {
            stock: i64,
        }
        let product = self.product(sku)?;
        let stocked: Stocked = api.get(admin, &format!("/v1/products/{}", product.id)).await?;
        Ok(stocked.stock)
    }

    /// The stock of `sku`, and the points and coupon of `holder`.
    pub(super) async fn holdings(&self, api: &Api, holder: &Holder, sku: &str) -> anyhow::Result<Holdings> {
        let person = &holder.person;
        let stock = self.stock(api, person, sku).await?;
        Ok(Holdings { stock, points: points(api, person).await?, coupon: coupon_status(api, holder).await? })
    }
}

impl Holdings {
    /// Side by side, a column each.
    pub(super) fn rows<'a>(columns: &[&Self]) -> [(&'a str, Vec<String>); 3] {
        [
            ("stock", columns.iter().map(|had| amount(had.stock)).collect()),
            ("points", columns.iter().map(|had| amount(had.points)).collect()),
            ("coupon", columns.iter().map(|had| had.coupon.clone()).collect()),
        ]
    }

    /// In a few words, to compare with.
    pub(super) fn shown(&self) -> String {
        format!("{}, {}, {}", amount(self.stock), amount(self.points), self.coupon)
    }
}

/// Signs up everybody of `names`, in that order.
pub(super) async fn sign_up(api: &Api, names: &[String]) -> anyhow::Result<Vec<Person>> {
    stream::iter(names).map(|name| api.join(name)).buffered(AT_ONCE).try_collect().await
}

pub(super) async fn points(api: &Api, person: &Person) -> anyhow::Result<i64> {
    #[derive(Deserialize)]
    struct Points {
        balance: i64,
    }
    let points: Points = api.get(person, "/v1/points").await?;
    Ok(points.balance)
}

async fn coupon_status(api: &Api, holder: &Holder) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct UserCoupon {
        id: Uuid,
        status: String,
    }
    let coupons: Vec<UserCoupon> = api.all(&holder.person, "/v1/users/me/coupons").await?;
    let coupon = coupons.into_iter().find(|coupon| coupon.id == holder.coupon);
    Ok(coupon.context("a coupon that its holder does not have")?.status)
}

/// Everybody asks for a coupon at once; there are fewer than they are.
async fn first_come(
    stage: &mut Stage<'_>,
    customers: Vec<Person>,
) -> anyhow::Result<([Holder; COUPONS], Vec<Person>)> {
    let api = stage.api().clone();
    let campaign = json!({
        "name": "Opening day",
        "discount": {"type": "fixed", "amount": 5_000},
        "quantity": COUPONS,
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2099-12-31T00:00:00Z",
    });
    let campaign: Made = api.post(&stage.admin, "/v1/coupons", &campaign).await?;
    let path = format!("/v1/coupons/{}/issue", campaign.id);
    let asked = customers.iter().map(|customer| api.ask::<Made>(customer, &path));
    let answers = try_join_all(asked).await?;
    let (mut holders, mut others, mut sold_out) = (Vec::new(), Vec::new(), 0);
    for (person, answer) in customers.into_iter().zip(answers) {
        match answer {
            Ok(coupon) => holders.push(Holder { person, coupon: coupon.id }),
            Err(problem) => {
                sold_out += usize::from(problem.code == "COUPON_SOLD_OUT");
                others.push(person);
            }
        }
    }
    let names: Vec<&str> = holders.iter().map(|holder| holder.person.name.as_str()).collect();
    stage.story.note("quick enough", names.join(", "));
    stage.story.expect("coupons given out, of 3", holders.len(), COUPONS);
    stage.story.expect("customers told that they are sold out", sold_out, CUSTOMERS.len() - COUPONS);
    let holders = holders.try_into().ok().context("without three coupons the story cannot go on")?;
    Ok((holders, others))
}
