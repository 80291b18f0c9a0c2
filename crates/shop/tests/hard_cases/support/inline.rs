//! Topologies in which the data platform is told of the payment as a step: `payment_delivery = "inline"`.

use super::{MONOLITH, SEVEN};

const PARALLEL: &str = include_str!("../../../../../topologies/choreographed-parallel.toml");

/// A file of each kind with delivery as its last step: all four others at once, as one of the shipped files can be set; everything in
/// one database; and a chain.
pub(crate) fn inline() -> [String; 3] {
    let parallel = PARALLEL.replace("payment_delivery = \"deferred\"", "payment_delivery = \"inline\"");
    [parallel, with_step(MONOLITH), with_step(SEVEN)]
}

const STEP: &str = r#"
[step.delivery]
acts_on = ["payment.done"]
compensates_on = ["order.failing", "order.cancelling"]
"#;

/// `file` with delivery after payment, whose word carries what is done before it.
fn with_step(file: &str) -> String {
    let (before, after) = file.split_once("[step.payment]").unwrap();
    let after = after.replacen("compensates_on = [", "compensates_on = [\"delivery.refused\", ", 1);
    format!("{before}[step.payment]{after}{STEP}")
        .replacen("\"point\", \"payment\"]", "\"point\", \"payment\", \"delivery\"]", 1)
        .replace("judged_on = [\"payment\"]", "judged_on = [\"delivery\"]")
        .replacen("[[unit]]", "payment_delivery = \"inline\"\n\n[[unit]]", 1)
}
