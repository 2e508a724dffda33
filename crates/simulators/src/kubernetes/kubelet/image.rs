//! Images: folders, each with the places that a container's own mounts need.
//!
//! **Invariant:** nothing else is added to an image.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Devices that every container has. Source: OCI runtime specification, "Default Devices".
pub(super) const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

#[derive(Debug)]
pub(super) struct Images(BTreeMap<String, PathBuf>);

impl Images {
    pub(super) fn prepare(images: impl IntoIterator<Item = (String, PathBuf)>) -> io::Result<Self> {
        let images: BTreeMap<String, PathBuf> = images.into_iter().collect();
        for root in images.values() {
            for place in ["proc", "dev"] {
                make(&root.join(place))?;
            }
            for device in DEVICES {
                fs::write(root.join("dev").join(device), "")?;
            }
        }
        Ok(Self(images))
    }

    pub(super) fn root(&self, reference: &str) -> Option<PathBuf> {
        self.0.get(reference).cloned()
    }
}

/// Where a path of a container lies below a folder.
pub(super) fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// A folder with those above it, all of which everybody may enter.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make(parent)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}
