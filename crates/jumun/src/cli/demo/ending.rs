//! What sold, whether all books agree, and how to look around.

use super::Stage;
use super::api::Order;
use super::process::{Home, Serving};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many lines of the audit are shown.
const AUDIT_LINES: usize = 6;

/// The ranking, against the confirmed orders counted one by one.
pub(super) async fn best_sellers(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct BestSellers {
        items: Vec<BestSeller>,
    }
    #[derive(Deserialize)]
    struct BestSeller {
        rank: u32,
        sku: String,
        name: String,
        sold: i64,
    }
    let api = stage.api().clone();
    stage.story.chapter("Best sellers");
    let best: BestSellers = api.get(&stage.admin, "/v1/bestsellers?days=2&limit=100").await?;
    let ranked: Vec<String> = best.items.iter().map(|item| format!("{}. {}", item.rank, item.name)).collect();
    let rows: Vec<(&str, Vec<String>)> = ranked
        .iter()
        .zip(&best.items)
        .map(|(name, item)| (name.as_str(), vec![item.sku.clone(), item.sold.to_string()]))
        .collect();
    stage.story.table(&["SKU", "sold"], &rows);
    let confirmed: Vec<Order> = api.all(&stage.admin, "/v1/admin/orders?status=CONFIRMED").await?;
    let mut counted: BTreeMap<&str, i64> = BTreeMap::new();
    for line in confirmed.iter().flat_map(|order| &order.lines) {
        *counted.entry(line.sku.as_str()).or_default() += line.quantity;
    }
    let agrees = |item: &&BestSeller| counted.get(item.sku.as_str()) == Some(&item.sold);
    let agreeing = best.items.iter().filter(agrees).count();
    let claim = format!("products sold as the {} confirmed orders say", confirmed.len());
    stage.story.expect(&claim, agreeing, counted.len().max(best.items.len()));
    stage.story.expect_that("best first", best.items.is_sorted_by(|a, b| a.sold >= b.sold));
    Ok(())
}

/// The audit, as anybody would run it beside the server.
pub(super) async fn audit(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.story.chapter("The audit: every book against every other");
    stage
        .story
        .tell("`jumun audit` beside the running server: balances, ledgers, inboxes, the PG's book, sales.");
    let mut audit = stage.home.command("audit")?;
    let output = tokio::task::spawn_blocking(move || audit.output()).await??;
    let said =
        String::from_utf8_lossy(if output.stdout.is_empty() { &output.stderr } else { &output.stdout });
    let lines: Vec<&str> = said.lines().collect();
    stage.story.quote(lines.get(lines.len().saturating_sub(AUDIT_LINES)..).unwrap_or_default());
    let code = output.status.code().map_or("none".to_owned(), |code| code.to_string());
    stage.story.expect("exit code of the audit", code, "0");
    Ok(())
}

/// The server stays up: where it is, and what to try.
pub(super) fn invite(server: &Serving, home: &Home) {
    let url = &server.api.url;
    let (email, password) = (&home.admin.email, &home.admin.password);
    let (topology, data) = (&home.topology, home.data.display());
    println!(
        "
The server stays up until you press Ctrl-C.

    documentation  {url}/docs
    best sellers   {url}/v1/bestsellers
    administrator  {email}
    password       {password}
    data           {data}

    TOKEN=$(curl -s {url}/v1/auth/token \\
      -H 'content-type: application/json' \\
      -d '{{\"email\":\"{email}\",\"password\":\"{password}\"}}' \\
      | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')
    curl -s {url}/v1/admin/overview \\
      -H \"authorization: Bearer $TOKEN\"
    curl -s '{url}/v1/admin/orders?status=FAILED' \\
      -H \"authorization: Bearer $TOKEN\"
    jumun audit --topology {topology} --data {data}"
    );
}
