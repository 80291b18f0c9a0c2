//! Domains that the runtime cannot run are refused before anything starts.

use jumun_runtime::Registry;
use kernel::{
    Cx, DecideError, Domain, DomainName, Due, Input, Keys, Record, Table, Timestamp, WorkingSet, record,
};

record! {
    /// Something that is fetched, and thrown away if it is not.
    pub struct Parcel in "parcels" key 1 {
        /// Which.
        pub id: i64,
        /// When it is fetched.
        pub fetched_at: Option<Timestamp>,
        /// When it is thrown away.
        pub thrown_at: Option<Timestamp>,
    }
}

/// A domain whose parcels fall due by these columns.
struct Parcels(&'static [&'static str]);

impl Domain for Parcels {
    fn name(&self) -> DomainName {
        DomainName::of("parcels")
    }
    fn tables(&self) -> Vec<&'static Table> {
        vec![Parcel::TABLE]
    }
    fn due(&self) -> Vec<Due> {
        self.0.iter().map(|column| Due::date(Parcel::TABLE, column)).collect()
    }
    fn keys(&self, _: &Input<'_>, _: &mut Keys) -> Result<(), DecideError> {
        Ok(())
    }
    fn decide(&self, _: &Input<'_>, _: &mut WorkingSet, _: &mut Cx<'_>) -> Result<(), DecideError> {
        Ok(())
    }
}

#[test]
fn a_row_has_one_timer() {
    let said = |columns: &'static [&'static str]| {
        Registry::default().with(Parcels(columns)).check().map_err(|error| error.to_string())
    };
    assert_eq!(said(&["fetched_at"]), Ok(()));
    let complaint = "unusable: parcels: rows of parcels fall due by two columns".to_owned();
    assert_eq!(said(&["fetched_at", "thrown_at"]), Err(complaint));
}
