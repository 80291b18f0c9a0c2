//! The shop's domains and steps as topologies see them, and the topologies that ship.

use jumun_kernel::ids::UserId;
use jumun_kernel::routing::{Listening, Routing};
use jumun_kernel::testbed::bare_plan;
use jumun_kernel::topology::{Known, Topology};
use jumun_kernel::{DomainName, Plan, Step};
use std::path::PathBuf;
use uuid::Uuid;

pub(crate) const MONOLITH: &str = include_str!("../../../../topologies/monolith.toml");
pub(crate) const SEVEN_SERVICES: &str = include_str!("../../../../topologies/seven-services.toml");

pub(crate) const ORCHESTRATED_CALLS: &str = include_str!("../../../../topologies/orchestrated-calls.toml");
pub(crate) const ORCHESTRATED_MESSAGES: &str =
    include_str!("../../../../topologies/orchestrated-messages.toml");

pub(crate) const VALIDATED_ASYNC: &str = include_str!("../../../../topologies/validated-async.toml");

/// Every domain, and the steps it runs.
const DOMAINS: [(&str, &[&str]); 10] = [
    ("user", &[]),
    ("product", &["stock"]),
    ("point", &["point", "credit"]),
    ("coupon", &["coupon"]),
    ("order", &[]),
    ("payment", &["payment", "charge"]),
    ("ranking", &["sales"]),
    ("data-platform", &["delivery"]),
    ("read-model", &[]),
    ("replica", &[]),
];

/// What a topology may leave out.
const OPTIONAL: [&str; 1] = ["replica"];

/// What the read model shows.
const VIEWED: [&str; 9] = [
    "order.created",
    "order.placed",
    "order.saved",
    "order.confirmed",
    "order.failing",
    "order.failed",
    "order.cancelling",
    "order.cancelled",
    "order.fulfilled",
];

pub(crate) fn known() -> Known {
    let domains = DOMAINS.iter().map(|(domain, names)| (DomainName::new(domain), steps(names)));
    Known {
        domains: domains.collect(),
        optional: OPTIONAL.map(DomainName::new).into(),
        always: [Step::PAYMENT, Step::DELIVERY].into(),
    }
}

pub(crate) fn steps(names: &[&str]) -> Vec<Step> {
    names.iter().map(|name| Step::new(name)).collect()
}

pub(crate) fn topology(text: &str) -> Topology {
    Topology::parse(text, &known()).unwrap()
}

/// `topology` for domains that listen as the shop's do.
pub(crate) fn routing(topology: &Topology) -> Routing {
    let listening = Listening {
        domains: vec![
            (DomainName::new("payment"), &["credit.done", "credit.refused", "credit.compensated"]),
            (DomainName::new("data-platform"), &["order.confirmed", "order.failed", "order.cancelled"]),
            (DomainName::new("read-model"), &VIEWED),
        ],
        steps: vec![(Step::CREDIT, &["charge.done", "credit.asked"])],
    };
    Routing::compile(topology, &known(), &listening)
}

pub(crate) fn plan(steps: &[Step]) -> Plan {
    Plan { steps: steps.to_vec(), ..bare_plan(7, UserId(Uuid::from_u128(1))) }
}

/// The text of every topology that ships, by file name.
pub(crate) fn shipped() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../topologies");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}
