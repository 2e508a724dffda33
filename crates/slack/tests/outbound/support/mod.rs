//! What the tests stand on.

pub(crate) mod cards;
pub(crate) mod limits;
pub(crate) mod shown;
pub(crate) mod slack;
pub(crate) mod wire;
