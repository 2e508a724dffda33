//! What people see in Slack, within Slack's limits by construction.
//!
//! **Invariant:** foreign text is plain text or literal rich text, never markup: `<!channel>`,
//! links and backticks in it are just characters. A page knows its size and takes nothing that
//! would make it too large; what was left out is said.

mod card;
mod modal;
mod page;
mod told;

pub use card::{card, is_live, received};
pub(crate) use card::{remark, shows};
pub use modal::{
    FILE_ACTION, FILE_BLOCK, Files, MANIFEST_ACTION, MANIFEST_BLOCK, NAME_ACTION, NAME_BLOCK, Purpose, REASON_ACTION,
    REASON_BLOCK, loading, manifest, name_to_type, reject, said, whole,
};
pub use page::Page;
pub use told::{notice, output, refusal};
