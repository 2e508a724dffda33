//! A pod's volumes: secrets and empty folders.
//!
//! Source: Kubernetes, "Volumes". **Invariant:** a secret's file has the mode its volume says and belongs to root and the
//! pod's `fsGroup`; an empty folder is the pod's own and empty.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::kinds;
use super::super::object;
use super::super::store::Store;
use super::image::make;

/// A folder of this machine and where it stands in the container.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    pub(super) read_only: bool,
}

/// Makes a pod's volumes; `None` while a secret is missing.
pub(super) fn mount(store: &Store, pod: &Value, folder: &Path) -> io::Result<Option<Vec<Volume>>> {
    let mut found = Vec::new();
    for volume in object::list(pod, "/spec/volumes") {
        let name = object::text(volume, "/name");
        let from = folder.join("volumes").join(name);
        make(&from)?;
        if volume.get("secret").is_some() {
            let secret = object::text(volume, "/secret/secretName");
            let Some(secret) = store.get(kinds::known("secrets"), object::namespace(pod), secret) else {
                return Ok(None);
            };
            write(secret, volume, pod, &from)?;
        } else if volume.get("emptyDir").is_some() {
            fs::set_permissions(&from, fs::Permissions::from_mode(0o777))?;
        } else {
            return Err(io::Error::other(format!("volume \"{name}\" is of a kind this kubelet does not have")));
        }
        let mounts = object::list(pod, "/spec/containers/0/volumeMounts").iter();
        for mount in mounts.filter(|mount| object::text(mount, "/name") == name) {
            let to = PathBuf::from(object::text(mount, "/mountPath"));
            found.push(Volume { from: from.clone(), to, read_only: mount["readOnly"] == true });
        }
    }
    Ok(Some(found))
}

fn write(secret: &Value, volume: &Value, pod: &Value, folder: &Path) -> io::Result<()> {
    let mode = object::number(volume, "/secret/defaultMode", 0o644);
    let group = object::number(pod, "/spec/securityContext/fsGroup", 0);
    for (key, value) in secret["data"].as_object().into_iter().flatten() {
        let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).map_err(io::Error::other)?;
        let path = folder.join(key);
        fs::write(&path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(u32::try_from(mode).unwrap_or(0o644)))?;
        chown(&path, None, u32::try_from(group).ok())?;
    }
    Ok(())
}
