//! An application that uses Jumun as a library and adds a participant of its own: one module, one line, one topology.
//!
//! `cargo run -p jumun --example gift_wrap`
#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

#[expect(unreachable_pub, reason = "a participant is usually a crate of its own; here it is a module")]
mod domain;

use domain::{GiftWrap, StockRibbons};
use jumun::config::File;
use jumun::kernel::Trace;
use jumun::shop::Domains;
use jumun::{Config, Server};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let topology = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/gift_wrap/gift-shop.toml");
    let config = Config::parse(File {
        topology: topology.to_owned(),
        data: "./data/gift-shop".into(),
        ..File::default()
    })?;
    // The one line:
    let domains = Domains::new(config.policies.clone()).with(GiftWrap);
    let server = Server::start(&config, domains).await?;
    let left = server.shop().ask(StockRibbons { colour: "red".into(), count: 100 }, Trace::default()).await?;
    println!(
        "http://{}/docs: order with \"extras\": {{\"gift-wrap\": {{\"colour\": \"red\"}}}}",
        server.address()
    );
    println!("{left} red ribbons; Ctrl-C stops");
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
