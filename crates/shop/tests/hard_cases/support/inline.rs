//! Topologies in which the data platform is told of the payment as a step: `payment_delivery = "inline"`.

use super::{MONOLITH, SEVEN};

const STEP: &str = r#"
[step.delivery]
acts_on = ["payment.done"]
compensates_on = ["order.failing", "order.cancelling"]
"#;

/// A topology file of each kind with delivery as its last step: everything in one database, a chain, and all four steps at once.
pub(crate) fn inline() -> [String; 3] {
    // In a chain the last step carries what is done; at once, each is judged by its own word.
    let monolith = with_step(MONOLITH).replace("judged_on = [\"payment\"]", "judged_on = [\"delivery\"]");
    let chain = with_step(SEVEN).replace("judged_on = [\"payment\"]", "judged_on = [\"delivery\"]");
    let mut at_once = with_step(SEVEN).replace("judged_on = [\"payment\"]", "");
    for step in ["stock", "coupon", "point"] {
        at_once = at_once.replace(&format!("acts_on = [\"{step}.done\"]"), "acts_on = [\"order.placed\"]");
    }
    [monolith, chain, at_once.replace("name = \"seven-services\"", "name = \"at-once\"")]
}

/// `file` with delivery after payment, which hears of its refusal directly.
fn with_step(file: &str) -> String {
    let payment = "[step.payment]";
    let (before, after) = file.split_once(payment).unwrap();
    let after = after.replacen("compensates_on = [", "compensates_on = [\"delivery.refused\", ", 1);
    format!("{before}{payment}{after}{STEP}")
        .replace(
            "order = [\"stock\", \"coupon\", \"point\", \"payment\"]",
            "order = [\"stock\", \"coupon\", \"point\", \"payment\", \"delivery\"]",
        )
        .replacen("[[unit]]", "payment_delivery = \"inline\"\n\n[[unit]]", 1)
}
