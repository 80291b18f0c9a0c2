//! Who there is, and who may ask what.

use crate::world::{ADMIN, both, id, no};
use jumun_sim::clients::{Answer, Ask, Caller, Show, User};

#[test]
fn an_address_signs_up_once() {
    for mut world in both() {
        let sign_up = |email: &str| Ask::SignUp { email: email.to_owned() };
        let Answer::User(user) = world.told(Caller::Anyone, sign_up("kim@example.com")) else { panic!() };
        assert!(!user.suspended);
        assert_eq!(world.refused(Caller::Anyone, sign_up("Kim@example.com")), no(409, "EMAIL_TAKEN"));
        assert_eq!(world.refused(Caller::Anyone, sign_up("nobody")), no(422, "INVALID_FIELD"));
    }
}

#[test]
fn who_is_suspended_is_turned_away_until_they_are_let_in_again() {
    for mut world in both() {
        let kim = world.customer(300);
        let set = |suspended| Ask::SetSuspended { user: id(kim), suspended };
        assert_eq!(world.told(ADMIN, set(true)), Answer::User(User { id: id(kim), suspended: true }));
        let (mug, card) = (world.product(100, 1), None);
        let place = world.place(mug, 1, card);
        for ask in [place, Ask::Show(Show::Balance), Ask::Cancel { order: 5 }] {
            assert_eq!(world.refused(kim, ask), no(401, "USER_SUSPENDED"));
        }
        assert_eq!(world.told(ADMIN, set(false)), Answer::User(User { id: id(kim), suspended: false }));
        assert_eq!(world.show(kim, Show::Balance), Answer::Balance(300));
        assert_eq!(
            world.refused(ADMIN, Ask::SetSuspended { user: 5, suspended: true }),
            no(404, "NOT_FOUND")
        );
    }
}

#[test]
fn strangers_are_asked_who_they_are_and_customers_do_not_run_the_shop() {
    for mut world in both() {
        let kim = world.customer(0);
        let (first, key) = (jumun_sim::clients::Page::FIRST, world.key());
        let signed_in = [
            Ask::Show(Show::Balance),
            Ask::Show(Show::Orders(first)),
            Ask::Show(Show::Coupons(first)),
            Ask::Show(Show::TopUp(5)),
            Ask::Place { key, lines: Vec::new(), payment: None },
            Ask::TakeCoupon { campaign: 5 },
        ];
        let admins_only = [
            Ask::SetSuspended { user: id(kim), suspended: false },
            Ask::AdjustPoints { user: id(kim), adjust: 5, reason: "greed".to_owned() },
            Ask::CreateProduct { sku: "MUG".to_owned(), price: 1, stock: 1 },
            Ask::AdjustStock { product: 5, adjust: 1 },
            Ask::SetPrice { product: 5, price: 1 },
            Ask::PatchCampaign { campaign: 5, quantity: None, stopped: Some(true) },
            Ask::Fulfil { order: 5 },
            Ask::Redrive { letter: 5 },
            Ask::Show(Show::AllOrders(first)),
            Ask::Show(Show::OpenLetters(first)),
        ];
        for ask in signed_in.iter().chain(&admins_only) {
            assert_eq!(world.refused(Caller::Anyone, ask.clone()), no(401, "TOKEN_REQUIRED"), "{ask:?}");
            assert_eq!(world.refused(Caller::Customer(5), ask.clone()), no(401, "TOKEN_INVALID"), "{ask:?}");
        }
        for ask in admins_only {
            assert_eq!(world.refused(kim, ask.clone()), no(403, "FORBIDDEN"), "{ask:?}");
        }
    }
}
