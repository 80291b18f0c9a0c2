//! Where an answer leads: OpenAPI links, for readers and for tools that walk an API.

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

/// What is found in the answers of some operations, and the operations that take it as their path's `id`.
pub(super) struct Way {
    pub(super) from: &'static [&'static str],
    /// Where the id is in a successful answer.
    pub(super) id: &'static str,
    pub(super) to: &'static [&'static str],
}

pub(super) const WAYS: &[Way] = &[
    Way {
        from: &["place_order", "pay_order"],
        id: "$response.body#/id",
        to: &["get_order", "follow_order", "pay_order", "cancel_order", "fulfil_order", "order_timeline"],
    },
    Way { from: &["place_order", "pay_order"], id: "$response.body#/payment_id", to: &["get_payment"] },
    Way { from: &["create_charge"], id: "$response.body#/id", to: &["get_charge"] },
    Way {
        from: &["create_product"],
        id: "$response.body#/id",
        to: &["get_product", "patch_product", "adjust_stock"],
    },
    Way { from: &["create_coupon"], id: "$response.body#/id", to: &["patch_coupon", "issue_coupon"] },
    Way { from: &["sign_up"], id: "$response.body#/id", to: &["get_user", "patch_user", "adjust_points"] },
];

/// Every operation of a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete].into_iter().flatten()
}

/// Adds the links to the successful answers that they start from.
pub(crate) fn link(api: &mut OpenApi) {
    for operation in api.paths.paths.values_mut().flat_map(operations) {
        let Some(name) = operation.operation_id.clone() else { continue };
        for way in WAYS.iter().filter(|way| way.from.contains(&name.as_str())) {
            for (status, answer) in &mut operation.responses.responses {
                if let (true, RefOr::T(answer)) = (status.starts_with('2'), answer) {
                    answer.links.extend(way.to.iter().map(|to| (to.to_string(), lead(to, way.id))));
                }
            }
        }
    }
}

fn lead(operation: &str, id: &str) -> RefOr<Link> {
    // The library writes the field's Rust name instead of `operationId`; what is passed as an extension is written as it is.
    let target = Extensions::from_iter([("operationId", operation)]);
    Link::builder().parameter("id", id).extensions(Some(target)).build().into()
}
