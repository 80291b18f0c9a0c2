//! A shop that does everything right, and then says something else: each lie is found.

use super::run::{Lie, Run, Weather, is_found};
use crate::clients::{Answer, Ask, Caller, Mix, Order, Request, Show, Status, StepStatus};
use crate::oracle::Promise;

/// A lie that is told once is found, as this promise broken.
fn told(promise: Promise, lie: Lie) {
    is_found(lie, |breach| breach.promise == promise);
}

/// An order that the closing questions show.
fn at_rest<'a>(request: &Request, answer: &'a mut Answer, status: Status) -> Option<&'a mut Order> {
    let asks = request.from == Caller::Admin && matches!(request.ask, Ask::Show(Show::Order(_)));
    match answer {
        Answer::Order(order) if asks && order.status == status => Some(order),
        _ => None,
    }
}

fn steps(order: &mut Order, status: StepStatus) {
    order.steps.iter_mut().for_each(|step| step.status = status);
}

#[test]
fn a_key_that_is_answered_with_another_order() {
    told(Promise::AnsweredOnce, |request, answer| match answer {
        Answer::Order(order)
            if matches!(request.ask, Ask::Place { .. }) && order.status != Status::Created =>
        {
            order.id += 1 << 90;
            true
        }
        _ => false,
    });
}

#[test]
fn a_key_that_is_not_good_for_its_own_body() {
    told(Promise::AnsweredOnce, |request, answer| {
        let lies = matches!(request.ask, Ask::Place { .. });
        if lies {
            *answer = Answer::refused(422, "IDEMPOTENCY_KEY_REUSED");
        }
        lies
    });
}

#[test]
fn a_key_that_is_said_to_be_in_use_when_nothing_is_under_way() {
    told(Promise::AnsweredOnce, |request, answer| {
        let lies = matches!(request.ask, Ask::Place { .. });
        if lies {
            *answer = Answer::refused(409, "IDEMPOTENCY_KEY_IN_FLIGHT");
        }
        lies
    });
}

#[test]
fn an_order_that_is_gone() {
    told(Promise::AcknowledgedIsDurable, |request, answer| {
        let lies = matches!(request.ask, Ask::Show(Show::Order(_)));
        if lies {
            *answer = Answer::refused(404, "NOT_FOUND");
        }
        lies
    });
}

#[test]
fn an_order_that_goes_back() {
    told(Promise::AcknowledgedIsDurable, |request, answer| {
        let Some(order) = at_rest(request, answer, Status::Confirmed) else { return false };
        order.status = Status::Pending;
        true
    });
}

#[test]
fn a_step_that_goes_back() {
    told(Promise::AcknowledgedIsDurable, |request, answer| {
        let Some(order) = at_rest(request, answer, Status::Confirmed) else { return false };
        steps(order, StepStatus::Unknown);
        true
    });
}

#[test]
fn an_order_that_failed_and_is_confirmed() {
    told(Promise::AcknowledgedIsDurable, |request, answer| {
        let Some(order) = at_rest(request, answer, Status::Failed) else { return false };
        (order.status, order.reason) = (Status::Confirmed, None);
        steps(order, StepStatus::Done);
        true
    });
}

#[test]
fn a_reason_that_changes() {
    told(Promise::AcknowledgedIsDurable, |request, answer| {
        let Some(order) = at_rest(request, answer, Status::Failed) else { return false };
        order.reason = Some("TIMED_OUT".to_owned());
        true
    });
}

#[test]
fn a_total_that_changes() {
    told(Promise::AcknowledgedIsDurable, |request, answer| {
        let Some(order) = at_rest(request, answer, Status::Confirmed) else { return false };
        for line in &mut order.lines {
            line.quantity += 1;
            line.amount += line.unit_price;
            order.total += line.unit_price;
            order.card_amount += line.unit_price;
        }
        true
    });
}

#[test]
fn a_payment_that_changes() {
    told(Promise::AcknowledgedIsDurable, |request, answer| {
        let Some(order) = at_rest(request, answer, Status::Confirmed).filter(|order| order.card_amount > 0)
        else {
            return false;
        };
        (order.card_amount, order.points_used) = (order.card_amount - 1, order.points_used + 1);
        true
    });
}

#[test]
fn a_payment_that_does_not_add_up() {
    told(Promise::AnswersMakeSense, |_, answer| match answer {
        Answer::Order(order) => {
            order.card_amount += 1;
            true
        }
        _ => false,
    });
}

#[test]
fn a_confirmed_order_with_a_step_that_is_not_done() {
    told(Promise::AllOrNothing, |_, answer| match answer {
        Answer::Order(order) if order.status == Status::Confirmed => {
            order.steps[0].status = StepStatus::Compensated;
            true
        }
        _ => false,
    });
}

#[test]
fn a_failed_order_with_a_step_that_is_done() {
    told(Promise::AllOrNothing, |_, answer| match answer {
        Answer::Order(order) if order.status == Status::Failed && !order.steps.is_empty() => {
            order.steps[0].status = StepStatus::Done;
            true
        }
        _ => false,
    });
}

#[test]
fn an_order_for_something_else() {
    told(Promise::AnsweredOnce, |request, answer| match answer {
        Answer::Order(order) if matches!(request.ask, Ask::Place { .. }) => {
            order.lines[0].quantity += 1;
            order.lines[0].amount += order.lines[0].unit_price;
            order.total += order.lines[0].unit_price;
            order.card_amount += order.lines[0].unit_price;
            true
        }
        _ => false,
    });
}

#[test]
fn a_price_that_never_was() {
    told(Promise::NeverMisSold, |request, answer| match answer {
        Answer::Order(order) if matches!(request.ask, Ask::Place { .. }) => {
            let line = &mut order.lines[0];
            (line.unit_price, line.amount) = (line.unit_price + 1, line.amount + line.quantity);
            (order.total, order.card_amount) =
                (order.total + line.quantity, order.card_amount + line.quantity);
            true
        }
        _ => false,
    });
}

#[test]
fn a_discount_that_is_not_the_coupons() {
    let mut run = Run::new(1, &Mix::of(120), Weather::CALM);
    // From the first answer to the last.
    run.tamper = Box::new(|_, answer| match answer {
        Answer::Order(order) if order.discount > 0 => {
            (order.discount, order.card_amount) = (order.discount - 1, order.card_amount + 1);
            true
        }
        _ => false,
    });
    run.finish();
    let found = run.oracle.breaches().iter().any(|breach| breach.promise == Promise::NeverMisSold);
    assert!(found, "{}", run.found());
}

#[test]
fn an_order_that_is_paid_otherwise_than_was_asked() {
    told(Promise::NeverMisSold, |request, answer| match (answer, &request.ask) {
        (Answer::Order(order), Ask::Place { payment: Some(payment), .. })
            if payment.points == crate::clients::Points::Amount(0) && order.card_amount > 0 =>
        {
            (order.points_used, order.card_amount) = (order.card_amount, 0);
            true
        }
        _ => false,
    });
}

#[test]
fn a_refusal_without_its_cause() {
    for reason in ["PAYMENT_DECLINED", "COUPON_INVALID", "USER_INACTIVE", "BAD_WEATHER"] {
        let lie = move |answer: &mut Answer| match answer {
            Answer::Order(order)
                if order.reason.as_deref() == Some("OUT_OF_STOCK") && order.coupon.is_none() =>
            {
                order.reason = Some(reason.to_owned());
                true
            }
            _ => false,
        };
        let found = (0..10).any(|seed| {
            let mut run =
                Run::new(seed, &Mix { bad_cards: 0, administration: 0, ..Mix::of(120) }, Weather::CALM);
            run.tamper = Box::new(move |_, answer| lie(answer));
            run.finish();
            run.oracle.breaches().iter().any(|breach| breach.promise == Promise::RefusedForCause)
        });
        assert!(found, "{reason}");
    }
}

#[test]
fn out_of_stock_where_there_is_plenty() {
    told(Promise::RefusedForCause, |_, answer| match answer {
        Answer::Order(order)
            if order.reason.as_deref() == Some("PAYMENT_DECLINED")
                && order.lines.iter().all(|line| line.quantity > 2) =>
        {
            order.reason = Some("OUT_OF_STOCK".to_owned());
            true
        }
        _ => false,
    });
}

#[test]
fn no_quote_for_no_cause() {
    told(Promise::RefusedForCause, |request, answer| match &request.ask {
        Ask::Place { payment: Some(payment), .. } if payment.card.is_some() => {
            *answer = Answer::refused(422, "CARD_REQUIRED");
            true
        }
        _ => false,
    });
}

#[test]
fn a_cancel_that_is_refused_for_no_cause() {
    told(Promise::RulesOfOrders, |request, answer| {
        let lies = matches!((&request.ask, &answer), (Ask::Cancel { .. }, Answer::Order(_)));
        if lies {
            *answer = Answer::refused(409, "CANCEL_WINDOW_CLOSED");
        }
        lies
    });
}

#[test]
fn a_cancel_that_is_refused_as_if_the_order_had_failed() {
    told(Promise::AcknowledgedIsDurable, |request, answer| match (&request.ask, &answer) {
        (Ask::Cancel { .. }, Answer::Order(order)) if order.status == Status::Cancelling => {
            *answer = Answer::refused(409, "ORDER_NOT_CANCELLABLE");
            true
        }
        _ => false,
    });
}

#[test]
fn a_cancel_that_is_taken_and_not_done() {
    told(Promise::RulesOfOrders, |request, answer| match answer {
        Answer::Order(order)
            if matches!(request.ask, Ask::Cancel { .. }) && order.status == Status::Cancelling =>
        {
            order.status = Status::Confirmed;
            steps(order, StepStatus::Done);
            true
        }
        _ => false,
    });
}

#[test]
fn a_shipment_that_is_refused_for_no_cause() {
    told(Promise::RulesOfOrders, |request, answer| {
        let lies = matches!((&request.ask, &answer), (Ask::Fulfil { .. }, Answer::Order(_)));
        if lies {
            *answer = Answer::refused(409, "ORDER_NOT_CONFIRMED");
        }
        lies
    });
}

#[test]
fn a_payment_that_is_refused_for_no_cause() {
    told(Promise::RulesOfOrders, |request, answer| {
        let lies = matches!((&request.ask, &answer), (Ask::Pay { .. }, Answer::Order(_)));
        if lies {
            *answer = Answer::refused(409, "ORDER_NOT_PAYABLE");
        }
        lies
    });
}

#[test]
fn coupons_that_are_refused_for_no_cause() {
    for code in ["COUPON_SOLD_OUT", "COUPON_ALREADY_ISSUED", "COUPON_NOT_OPEN"] {
        let found = (0..10).any(|seed| {
            let mut run = Run::new(seed, &Mix { administration: 0, ..Mix::of(120) }, Weather::CALM);
            run.tamper = Box::new(move |_, answer| {
                let lies = matches!(answer, Answer::Coupon(_));
                if lies {
                    *answer = Answer::refused(409, code);
                }
                lies
            });
            run.finish();
            run.oracle.breaches().iter().any(|breach| breach.promise == Promise::RefusedForCause)
        });
        assert!(found, "{code}");
    }
}

#[test]
fn what_is_below_zero() {
    told(Promise::Conservation, |request, answer| match answer {
        Answer::Balance(balance) if matches!(request.ask, Ask::Show(_)) => {
            *balance = -1;
            true
        }
        _ => false,
    });
    told(Promise::Conservation, |request, answer| match answer {
        Answer::Product(product) if matches!(request.ask, Ask::Show(_)) => {
            product.stock = -1;
            true
        }
        _ => false,
    });
}

#[test]
fn a_suspension_that_nobody_asked_for() {
    told(Promise::SuspensionWorks, |request, answer| {
        let lies = matches!(request.ask, Ask::Place { .. });
        if lies {
            *answer = Answer::refused(401, "USER_SUSPENDED");
        }
        lies
    });
}

#[test]
fn an_answer_about_something_else() {
    told(Promise::AnswersMakeSense, |request, answer| {
        let lies = matches!(request.ask, Ask::Show(Show::Order(_)));
        if lies {
            *answer = Answer::Balance(0);
        }
        lies
    });
}
