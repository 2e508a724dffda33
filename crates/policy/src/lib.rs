//! Who may do what: rbac.yaml, catalog.yaml and the built-in floor, compiled into one decision.
//!
//! **Invariant:** deny beats allow beats nothing; a file can only narrow what the floor permits;
//! whatever is unknown, unreadable or not shipped is refused and never skipped.
//!
//! [`Policy::load`] reports every mistake of both files at once. [`Policy`] answers without a
//! clock, a file or a network, so that gateway and worker can each ask their own and compare.
//! casbin decides deny, allow or nothing; the rest (protected resources, freezes, sensitivity,
//! approvals) is counted here, because casbin has no word for "and two people agree".

pub mod answer;
pub mod cases;
pub mod catalog;
mod catalog_file;
pub mod compare;
pub mod coverage;
mod engine;
mod explain;
mod floor;
mod judge;
pub mod lint;
mod live;
mod matrix;
pub mod menu;
mod pattern;
mod policy;
mod problems;
mod rbac;
mod rbac_file;
pub mod reader;
pub mod schema;
mod selector;
pub mod shadow;
mod stewards;
pub mod told;
pub mod who;
pub mod yaml;

pub use catalog::{Catalog, ClusterOverride, Overrides};
pub use live::{Change, Checked, LivePolicy};
pub use matrix::matrix;
pub use policy::{Policy, Source, Sources};
pub use problems::{Mark, Problem, ProblemCode, Problems};
