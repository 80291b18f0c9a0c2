//! The counter over running shops, a process per unit: what each request is answered, and how it is refused.

#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod coupons;
#[cfg(test)]
mod letters;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod points;
#[cfg(test)]
mod users;
#[cfg(test)]
mod world;
