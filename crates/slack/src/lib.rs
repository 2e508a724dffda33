//! Slack's wire: signed requests in, cards and modals out.
//!
//! **Invariant:** nothing unsigned is parsed, nothing foreign is rendered as markup, and nothing
//! in a payload but who clicked is believed.
