//! The console through its own front door: real requests, a gateway that holds state.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod clicks;
#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them so")]
mod guards;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod world;
