//! The order domain's promises: quotes, births and payments, cancels, and a row that always has a time to wake or an end.

#[cfg(test)]
mod births;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod inquiries;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod quote_properties;
#[cfg(test)]
mod quotes;
