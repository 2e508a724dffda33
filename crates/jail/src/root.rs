//! The root of a strict jail: a small tmpfs with the plan's mounts, a minimal /dev, a fresh /proc, private /tmp and HOME.
//!
//! **Invariant:** every source is opened before the host's root goes and every path is resolved after it has gone, so no
//! link inside a mount can lead outside.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree, unmount,
};

use crate::plan::{MountKind, Plan, PrivateFile, Writable};
use crate::status::{At as _, SetupError, refuse};
use crate::sys;

/// The devices a command may open. No terminal, so nothing can be typed into one.
pub(crate) const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// The user and group the job sees itself as.
pub(crate) const JOB_ID: u32 = 1000;

const RDONLY: u64 = libc::MOUNT_ATTR_RDONLY;
const NOSUID: u64 = libc::MOUNT_ATTR_NOSUID;
const NODEV: u64 = libc::MOUNT_ATTR_NODEV;
const NOEXEC: u64 = libc::MOUNT_ATTR_NOEXEC;

/// Detached copies of everything the host contributes.
pub(crate) struct Sources {
    mounts: Vec<OwnedFd>,
    devices: Vec<OwnedFd>,
}

impl Sources {
    /// Opens the sources with the launcher's rights: the plan names them, the worker's configuration lists them.
    pub(crate) fn open(plan: &Plan) -> Result<Self, SetupError> {
        let mounts = plan
            .root
            .iter()
            .map(|m| source(&m.source, Some(m.kind), RDONLY | NOSUID | NODEV))
            .collect::<Result<_, _>>()?;
        let devices = DEVICES
            .iter()
            .map(|name| source(&Path::new("/dev").join(name), None, RDONLY | NOSUID | NOEXEC))
            .collect::<Result<_, _>>()?;
        Ok(Self { mounts, devices })
    }
}

fn source(path: &Path, kind: Option<MountKind>, attributes: u64) -> Result<OwnedFd, SetupError> {
    let what = || format!("open mount source `{}`", path.display());
    let flags = OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, path, flags).at("mount", what)?;
    let found = FileType::from_raw_mode(rustix::fs::fstat(&tree).at("mount", what)?.st_mode);
    let expected = match kind {
        Some(MountKind::File) => FileType::RegularFile,
        Some(MountKind::Dir) => FileType::Directory,
        None => FileType::CharacterDevice,
    };
    if found != expected {
        return Err(refuse("mount", format!("mount source `{}` is {found:?}, not {expected:?}", path.display())));
    }
    sys::restrict_mount(tree.as_fd(), attributes, true)
        .at("mount", || format!("restrict mount source `{}`", path.display()))?;
    Ok(tree)
}

/// Replaces the root of the current mount namespace; the caller is the namespace's init and already the job's user.
pub(crate) fn build(plan: &Plan, sources: &Sources) -> Result<(), SetupError> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .at("mount", || "make mounts private".into())?;
    // /proc must be made while a full one is still visible (user_namespaces(7)), and in the new process namespace.
    let proc = proc().at("proc", || "make /proc".into())?;
    let private: u64 = plan.files.iter().map(|f| f.content.len() as u64).sum();
    let root = tmpfs(private + (1 << 20), "0755", NOSUID | NODEV).at("mount", || "make the root".into())?;
    enter(&root)?;
    for (mount, tree) in plan.root.iter().zip(&sources.mounts) {
        attach(tree, &mount.target, mount.kind)?;
    }
    devices(sources)?;
    attach(&proc, "/proc", MountKind::Dir)?;
    for path in ["/tmp", plan.home.as_str()] {
        let exec = match plan.writable {
            Writable::NoExec => NOEXEC,
            Writable::Exec => 0,
        };
        let tree =
            tmpfs(plan.limits.tmp_bytes, "0700", NOSUID | NODEV | exec).at("mount", || format!("make `{path}`"))?;
        attach(&tree, path, MountKind::Dir)?;
    }
    own_name(plan).at("files", || "write /etc/passwd".into())?;
    plan.files.iter().try_for_each(write)?;
    sys::restrict_mount(root.as_fd(), RDONLY | NOSUID | NODEV, false).at("mount", || "make the root read-only".into())
}

/// Makes `root` the root and lets go of the host's.
fn enter(root: &OwnedFd) -> Result<(), SetupError> {
    let on = |place: &str| move_mount(root, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
    on("/tmp").or_else(|_| on("/mnt")).at("pivot-root", || "attach the root".into())?;
    let step = |result: Result<(), Errno>, what: &str| result.at("pivot-root", || what.to_owned());
    step(rustix::process::fchdir(root), "enter the root")?;
    // With both arguments the same, the old root lies on top of the new one and can be let go without a folder for it.
    step(rustix::process::pivot_root(".", "."), "change the root")?;
    step(unmount(".", UnmountFlags::DETACH), "let go of the host's root")?;
    step(rustix::process::chdir("/"), "enter the root")
}

fn proc() -> Result<OwnedFd, Errno> {
    let config = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    // Processes only: no kernel log, keys, sysctls, interrupts or memory map; and only those one may trace anyway.
    fsconfig_set_string(&config, "subset", "pid")?;
    fsconfig_set_string(&config, "hidepid", "invisible")?;
    finish(&config, NOSUID | NODEV | NOEXEC)
}

fn tmpfs(bytes: u64, mode: &str, attributes: u64) -> Result<OwnedFd, Errno> {
    let config = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&config, "size", bytes.to_string())?;
    // A file without content costs kernel memory too: one inode a page, and enough for a small tree.
    fsconfig_set_string(&config, "nr_inodes", (bytes / 4096).clamp(1024, 1 << 20).to_string())?;
    fsconfig_set_string(&config, "mode", mode)?;
    finish(&config, attributes)
}

fn finish(config: &OwnedFd, attributes: u64) -> Result<OwnedFd, Errno> {
    fsconfig_create(config)?;
    let attributes = u32::try_from(attributes).expect("mount attributes are small flags");
    fsmount(config, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::from_bits_retain(attributes))
}

fn attach(tree: &OwnedFd, target: &str, kind: MountKind) -> Result<(), SetupError> {
    mount_point(Path::new(target), kind).at("mount", || format!("make mount point `{target}`"))?;
    move_mount(tree, "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .at("mount", || format!("mount `{target}`"))
}

fn mount_point(target: &Path, kind: MountKind) -> io::Result<()> {
    match kind {
        MountKind::Dir => folder(target),
        MountKind::File => {
            target.parent().map_or(Ok(()), folder)?;
            match OpenOptions::new().write(true).create_new(true).mode(0o400).open(target) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            }
        }
    }
}

fn folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

fn devices(sources: &Sources) -> Result<(), SetupError> {
    for (name, tree) in DEVICES.iter().zip(&sources.devices) {
        attach(tree, &format!("/dev/{name}"), MountKind::File)?;
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ];
    links.iter().try_for_each(|(name, to)| symlink(to, format!("/dev/{name}"))).at("mount", || "link /dev/fd".into())
}

/// Gives the job's user a name, unless the plan brings its own `/etc/passwd`: many tools look it up.
fn own_name(plan: &Plan) -> io::Result<()> {
    if Path::new("/etc/passwd").exists() || plan.root.iter().any(|m| m.target == "/etc") {
        return Ok(());
    }
    folder(Path::new("/etc"))?;
    let passwd = format!("job:x:{JOB_ID}:{JOB_ID}::{}:/nonexistent\n", plan.home);
    if !plan.files.iter().any(|f| f.path == "/etc/passwd") {
        fs::write("/etc/passwd", passwd)?;
    }
    if plan.files.iter().any(|f| f.path == "/etc/group") {
        Ok(())
    } else {
        fs::write("/etc/group", format!("job:x:{JOB_ID}:\n"))
    }
}

/// Writes one private file, which must not exist, below folders only the job's user may enter.
pub(crate) fn write(file: &PrivateFile) -> Result<(), SetupError> {
    let path = Path::new(&file.path);
    let attempt = || -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let flags = libc::O_NOFOLLOW;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .custom_flags(flags)
            .open(path)?
            .write_all(&file.content)
    };
    attempt().at("files", || format!("write private file `{}`", file.path))
}
