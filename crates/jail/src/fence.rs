//! Landlock: which files, ports and processes the command may touch, enforced even if a mount is wrong.
//!
//! **Invariant:** every right the kernel knows is handled, so what no rule grants is refused.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use crate::plan::{Egress, Level, MountKind, Plan, Writable};
use crate::root::DEVICES;
use crate::status::{Degradation, SetupError, refuse};
use crate::sys;

/// The newest version whose rights are used here. The seventh adds logging only.
const NEWEST: u32 = 7;

/// The version in force: the kernel's, capped at the newest we know.
pub(crate) fn version() -> u32 {
    sys::landlock_version().min(NEWEST)
}

/// What this kernel's version lacks.
pub(crate) fn degradations(version: u32) -> Vec<Degradation> {
    let lacks = [(4, Degradation::NoPortRules), (6, Degradation::NoScopes)];
    lacks.into_iter().filter(|(since, _)| version < *since).map(|(_, what)| what).collect()
}

/// Puts the calling process, and all it will start, behind the plan's fence.
pub(crate) fn apply(plan: &Plan, version: u32) -> Result<(), SetupError> {
    if version == 0 {
        return Err(refuse("landlock", "the kernel has no Landlock"));
    }
    let status = rules(plan, version)?.restrict_self().map_err(|error| unruly(&error))?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => {
            Err(refuse("landlock", "the rules are not fully enforced"))
        }
    }
}

fn rules(plan: &Plan, version: u32) -> Result<RulesetCreated, SetupError> {
    let abi = abi(version);
    let mut created = handled(abi, version).map_err(|error| unruly(&error))?;
    for (path, rights) in paths(plan, abi) {
        let fd = PathFd::new(&path).map_err(|error| unruly(&error))?;
        created =
            created.add_rule(PathBeneath::new(fd, rights & AccessFs::from_all(abi))).map_err(|error| unruly(&error))?;
    }
    match plan.egress {
        Egress::Proxy { port, .. } if version >= 4 => {
            created.add_rule(NetPort::new(port, AccessNet::ConnectTcp)).map_err(|error| unruly(&error))
        }
        Egress::Proxy { .. } | Egress::None => Ok(created),
    }
}

/// A rule set that grants nothing yet.
fn handled(abi: ABI, version: u32) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::from_all(abi))?;
    if version >= 4 {
        ruleset = ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
    }
    if version >= 6 {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    }
    ruleset.create()
}

fn paths(plan: &Plan, abi: ABI) -> Vec<(String, BitFlags<AccessFs>)> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut paths = vec![(plan.home.clone(), writable(plan, abi))];
    if plan.level == Level::Strict {
        // The root holds nothing but the plan's, so reading needs no list; executing and writing do.
        paths.push(("/".into(), read));
        paths.push(("/tmp".into(), writable(plan, abi)));
    }
    for mount in &plan.root {
        let rights = match mount.kind {
            MountKind::File => AccessFs::ReadFile | AccessFs::Execute,
            MountKind::Dir => read | AccessFs::Execute,
        };
        paths.push((mount.target.clone(), rights));
    }
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    paths.extend(DEVICES.iter().map(|name| (format!("/dev/{name}"), device)));
    paths
}

fn writable(plan: &Plan, abi: ABI) -> BitFlags<AccessFs> {
    let never = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::Execute;
    let own = AccessFs::from_all(abi) & !never;
    match plan.writable {
        Writable::NoExec => own,
        Writable::Exec => own | AccessFs::Execute,
    }
}

fn abi(version: u32) -> ABI {
    match version {
        0 => ABI::Unsupported,
        1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        _ => ABI::V7,
    }
}

/// The crate's errors carry the kernel's as their source; the record needs both.
fn unruly(error: &dyn std::error::Error) -> SetupError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    refuse("landlock", text)
}
