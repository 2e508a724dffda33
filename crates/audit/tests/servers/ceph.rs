//! Ceph's S3 front with one monitor and one storage daemon in memory, without a manager.
//!
//! Everything lies in one folder; nothing of the machine's own Ceph is read or written.

use super::{Running, Store, command, free_port, listens, log_of, until};
use std::path::Path;
use tempfile::TempDir;

/// A running cluster of one.
pub(crate) struct Ceph {
    pub(crate) store: Store,
    /// Ended in this order: whoever asks goes first.
    _running: [Running; 3],
    _folder: TempDir,
}

const KEY: &str = "testkey";
const SECRET: &str = "testsecret";

impl Ceph {
    /// Starts one; it takes some seconds.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("rgw").tempdir().expect("there is room");
        // Somebody else may take a port between the look and the start.
        for nth in 0..5 {
            let home = folder.path().join(nth.to_string());
            std::fs::create_dir(&home).expect("the folder is ours");
            let (monitor, front) = (free_port(), free_port());
            if let Some(running) = up(&home, monitor, front) {
                let store = Store {
                    endpoint: format!("http://127.0.0.1:{front}"),
                    region: "us-east-1",
                    id: KEY.into(),
                    secret: SECRET.into(),
                    // Nobody deletes or shortens what is in compliance mode, its owner neither.
                    process: (KEY.into(), SECRET.into()),
                };
                return Self { store, _running: running, _folder: folder };
            }
        }
        panic!("ceph does not start, run tests/run: {}", log_of(&folder.path().join("4")));
    }
}

fn up(home: &Path, monitor: u16, front: u16) -> Option<[Running; 3]> {
    for part in ["mon", "osd", "rgw"] {
        std::fs::create_dir(home.join(part)).expect("the folder is ours");
    }
    let (cluster, disk) = (uuid(), uuid());
    let path = home.display().to_string();
    std::fs::write(home.join("ceph.conf"), configuration(&path, &cluster, monitor, front)).expect("it is ours");
    let (conf, ring) = (format!("{path}/ceph.conf"), format!("{path}/keyring"));
    let (map, conf) = (format!("{path}/monmap"), conf.as_str());
    let keys: [(&str, &[&str]); 4] = [
        ("mon.", &["mon", "allow *"]),
        ("client.admin", &["mon", "allow *", "osd", "allow *"]),
        ("osd.0", &["mon", "allow profile osd", "osd", "allow *"]),
        ("client.rgw", &["mon", "allow rw", "osd", "allow rwx"]),
    ];
    tool(home, "ceph-authtool", &["--create-keyring", &ring])?;
    for (name, caps) in keys {
        let mut words = vec![ring.as_str(), "--gen-key", "-n", name];
        for pair in caps.chunks(2) {
            words.push("--cap");
            words.extend(pair);
        }
        tool(home, "ceph-authtool", &words)?;
    }
    let address = format!("[v2:127.0.0.1:{monitor}]");
    tool(home, "monmaptool", &["--create", "--addv", "a", &address, "--fsid", &cluster, &map])?;
    tool(home, "ceph-mon", &["-c", conf, "-i", "a", "--mkfs", "--monmap", &map, "--keyring", &ring])?;
    let mon = Running::start("/usr/bin/ceph-mon", &["-c", conf, "-i", "a", "-f"], home, &[]);
    tool(home, "ceph", &["-c", conf, "--connect-timeout", "30", "osd", "new", &disk])?;
    tool(home, "ceph-osd", &["-c", conf, "-i", "0", "--mkfs", "--osd-uuid", &disk])?;
    let osd = Running::start("/usr/bin/ceph-osd", &["-c", conf, "-i", "0", "-f"], home, &[]);
    let user = [
        "-c",
        conf,
        "-n",
        "client.rgw",
        "user",
        "create",
        "--uid",
        "test",
        "--display-name",
        "test",
        "--access-key",
        KEY,
        "--secret-key",
        SECRET,
    ];
    tool(home, "radosgw-admin", &user)?;
    let mut rgw = Running::start("/usr/bin/radosgw", &["-c", conf, "-n", "client.rgw", "-f"], home, &[]);
    let mut gone = false;
    let answers = until(|| {
        gone = rgw.ended();
        gone || listens(front)
    });
    (answers && !gone).then_some([rgw, osd, mon])
}

/// Runs one of the programs that set it up; what it says goes into the log.
fn tool(home: &Path, program: &str, arguments: &[&str]) -> Option<()> {
    let log = std::fs::File::options().create(true).append(true).open(home.join("log")).expect("it is ours");
    let mut it = command("/usr/bin/timeout");
    // A monitor that could not take its port is asked in vain.
    let status = it
        .args(["60", program])
        .args(arguments)
        .current_dir(home)
        .stdout(log.try_clone().expect("a file has two names"))
        .stderr(log)
        .status();
    status.unwrap_or_else(|error| panic!("`{program}` does not start, run tests/run: {error}")).success().then_some(())
}

fn uuid() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("the kernel makes them").trim().to_owned()
}

/// One copy of everything, in memory, with keys between its parts.
fn configuration(home: &str, cluster: &str, monitor: u16, front: u16) -> String {
    format!(
        "[global]
fsid = {cluster}
mon host = v2:127.0.0.1:{monitor}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {home}/keyring
run dir = {home}
crash dir = {home}
admin socket =
pid file =
log file = {home}/$name.log
mon cluster log file = {home}/cluster.log
log to stderr = false
err to stderr = true
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 0
mon data avail warn = 0
paxos propose interval = 0.05
paxos min wait = 0.01
[mon.a]
mon data = {home}/mon
[osd.0]
osd data = {home}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{front}
rgw data = {home}/rgw
"
    )
}
