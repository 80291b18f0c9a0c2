//! Sales: what sold is what was confirmed less what was cancelled, day by day.

use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{START, said, time};
use kernel::testbed::Testbed;
use kernel::{DecideError, Said};
use proptest::prelude::*;
use ranking::{Ranking, Sale};

fn word() -> impl Strategy<Value = Said> {
    prop_oneof![
        2 => time().prop_map(|settled_at| Said::Confirmed { settled_at }),
        2 => time().prop_map(|confirmed_at| Said::Cancelled { confirmed_at, steps: Vec::new() }),
        1 => Just(Said::Placed),
        1 => said(),
    ]
}

#[derive(Clone)]
struct Sellers;

impl Subject for Sellers {
    type Domain = Ranking;
    type Command = ();

    fn send(&mut self, _: &mut Testbed<Ranking>, (): &()) -> Result<Result<(), DecideError>, TestCaseError> {
        // It takes none.
        Ok(Ok(()))
    }

    fn check(&mut self, bed: &Testbed<Ranking>) -> Result<(), TestCaseError> {
        reads::<_, Sale>(bed)?;
        let mut books = bed.books().unwrap();
        for sale in bed.all::<Sale>() {
            let account = format!("sales:{}:{}", sale.day, sale.product_id);
            prop_assert_eq!(sale.sold, books.remove(account.as_str()).unwrap_or(0));
        }
        prop_assert!(books.values().all(|sold| *sold == 0), "sold and not in the book: {:?}", books);
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_book_of_sales_is_its_receipts_whatever_comes(script in script(Just(()), word())) {
        play(&mut Sellers, &mut Testbed::new(Ranking::default(), START), &script)?;
    }
}
