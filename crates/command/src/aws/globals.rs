//! Options that aws-cli takes with every operation.
//!
//! **Invariant:** what picks a credential, an address, a file or a whole request is refused by name.

use countersign_core::refusal::Code;

/// What becomes of an option that every operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// A value, passed on if it is one of these; anything if there are none.
    Value(&'static [&'static str]),
    /// A whole number, passed on.
    Number,
    /// Passed on.
    Flag,
    /// The region: one of the profile's.
    Region,
    /// What it asks for is so anyway.
    SoAnyway,
    /// Refused, with what to do instead.
    Refused(Code, &'static str),
}

const PROFILE: &str = "the profile is the first word: `/aws <profile> <service> <operation> …`";
const CREDENTIALS: &str = "credentials come from Countersign, and the first word says whose";
const ADDRESS: &str = "services are reached at their own addresses: leave it away";
const REQUEST: &str = "write the options themselves, so that everybody can read them";
const DEBUGGING: &str = "it prints requests and their signatures: leave it away";
const DIALOGUE: &str = "write the whole command: nobody is there to answer";

/// Sources: awscli/data/cli.json, 1.45.11; AWS CLI version 2 reference, "Global options".
///
/// In the order in which canonical argv has them.
pub(super) const GLOBALS: &[(&str, Global)] = &[
    ("region", Global::Region),
    ("output", Global::Value(&["json", "text", "table", "yaml", "yaml-stream", "off"])),
    ("query", Global::Value(&[])),
    ("no-paginate", Global::Flag),
    ("color", Global::Value(&["on", "off", "auto"])),
    ("cli-read-timeout", Global::Number),
    ("cli-connect-timeout", Global::Number),
    ("cli-binary-format", Global::Value(&["base64", "raw-in-base64-out"])),
    ("no-cli-pager", Global::SoAnyway),
    ("no-cli-auto-prompt", Global::SoAnyway),
    ("profile", Global::Refused(Code::FlagNotAllowed, PROFILE)),
    ("no-sign-request", Global::Refused(Code::FlagNotAllowed, CREDENTIALS)),
    ("endpoint-url", Global::Refused(Code::FlagNotAllowed, ADDRESS)),
    ("no-verify-ssl", Global::Refused(Code::FlagNotAllowed, ADDRESS)),
    ("ca-bundle", Global::Refused(Code::FlagNotAllowed, ADDRESS)),
    ("debug", Global::Refused(Code::FlagNotAllowed, DEBUGGING)),
    ("v2-debug", Global::Refused(Code::FlagNotAllowed, DEBUGGING)),
    ("cli-input-json", Global::Refused(Code::FlagNotAllowed, REQUEST)),
    ("cli-input-yaml", Global::Refused(Code::FlagNotAllowed, REQUEST)),
    ("generate-cli-skeleton", Global::Refused(Code::FlagNotAllowed, REQUEST)),
    ("cli-auto-prompt", Global::Refused(Code::Interactive, DIALOGUE)),
    ("version", Global::Refused(Code::FlagNotAllowed, "the version is the worker's: leave it away")),
    ("help", Global::Refused(Code::FlagNotAllowed, "see `/countersign help aws`")),
];

/// Options of operations with pages.
pub(super) const PAGES: &[(&str, Global)] =
    &[("starting-token", Global::Value(&[])), ("max-items", Global::Number), ("page-size", Global::Number)];
