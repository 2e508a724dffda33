//! moto: AWS's S3 and IAM, in memory.

use super::{Running, Store, free_port, listens, log_of, until};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use tempfile::TempDir;

/// What a process of Countersign may do to its buckets.
pub(crate) const PROCESS: &[&str] = &[
    "s3:PutObject",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectRetention",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetLifecycleConfiguration",
];

/// A running moto.
pub(crate) struct Moto {
    pub(crate) store: Store,
    port: u16,
    _running: Running,
    _folder: TempDir,
}

/// Starts moto's server, after two mends: moto 5.2.5 answers `GetBucketVersioning` under another
/// name than S3's (`GetBucketVersioningResponse`), which strict clients refuse; and it takes
/// locks for plain puts and listings when it looks at policies.
const MENDED: &str = r#"
import sys
from moto.s3.responses import ACTION_MAP, S3Response
from moto.server import main

def get_bucket_versioning(self):
    self.data["Action"] = "GetBucketVersioning"
    status = self.backend.get_bucket_versioning(self.bucket_name)
    status = f"<Status>{status}</Status>" if status else ""
    root = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    return 200, {"Content-Type": "application/xml"}, f"{root}{status}</VersioningConfiguration>"

S3Response.get_bucket_versioning = get_bucket_versioning
ACTION_MAP["BUCKET"]["GET"]["object-lock"] = "GetBucketObjectLockConfiguration"
ACTION_MAP["BUCKET"]["PUT"]["object-lock"] = "PutBucketObjectLockConfiguration"
ACTION_MAP["KEY"]["GET"] = {"retention": "GetObjectRetention"} | ACTION_MAP["KEY"]["GET"]
ACTION_MAP["KEY"]["PUT"] = {"retention": "PutObjectRetention"} | ACTION_MAP["KEY"]["PUT"]
main(sys.argv[1:])
"#;

/// The Python that tests/run installs beside the workspace, with moto in it.
fn program() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|folder| folder.join(".cache/python/bin/python")).find(|path| path.exists());
    found.expect("moto is not installed: run tests/run")
}

impl Moto {
    /// Starts one where policies hold, with an owner and a process.
    pub(crate) fn with_policies() -> Self {
        let mut this = Self::start();
        let (id, secret) = this.user("owner", r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
        let process = this.user("process", &allow("*", PROCESS));
        this.store = Store { id, secret, process, ..this.store };
        this.enforces(true);
        this
    }

    /// Starts one where everybody may do everything.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let program = program();
        let program = program.to_str().expect("the workspace has a plain name");
        // Somebody else may take the port between the look and the start.
        for _ in 0..20 {
            let port = free_port();
            let arguments = ["-c", MENDED, "-H", "127.0.0.1", "-p", &port.to_string()];
            // Short pages, so that every listing has several.
            let pages = [("MOTO_S3_DEFAULT_MAX_KEYS", "10")];
            let mut running = Running::start(program, &arguments, folder.path(), &pages);
            let mut gone = false;
            let up = until(|| {
                gone = running.ended();
                gone || listens(port)
            });
            if up && !gone {
                let store = Store {
                    endpoint: format!("http://127.0.0.1:{port}"),
                    region: "us-east-1",
                    id: "root".into(),
                    secret: "root".into(),
                    process: ("root".into(), "root".into()),
                };
                return Self { store, port, _running: running, _folder: folder };
            }
        }
        panic!("moto does not start: {}", log_of(folder.path()));
    }

    /// Whether policies hold from now on. Users are made while they do not.
    pub(crate) fn enforces(&self, policies: bool) {
        // Source: moto, "Role-based access control": so many calls are let through first.
        self.post("/moto-api/reset-auth", "text/plain", if policies { "0" } else { "inf" }, "s3");
    }

    /// Makes a user with one statement for a policy; returns its access key id and secret.
    pub(crate) fn user(&self, name: &str, statements: &str) -> (String, String) {
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        // As a form wants it: the percent form of every byte.
        let policy = policy.bytes().fold(String::new(), |form, byte| form + format!("%{byte:02X}").as_str());
        self.iam(&format!("Action=CreateUser&UserName={name}"));
        self.iam(&format!("Action=PutUserPolicy&UserName={name}&PolicyName=own&PolicyDocument={policy}"));
        let answer = self.iam(&format!("Action=CreateAccessKey&UserName={name}"));
        let part = |tag: &str| {
            let (_, rest) = answer.split_once(&format!("<{tag}>")).expect("moto answers as IAM does");
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        (part("AccessKeyId"), part("SecretAccessKey"))
    }

    fn iam(&self, form: &str) -> String {
        self.post("/", "application/x-www-form-urlencoded", &format!("{form}&Version=2010-05-08"), "iam")
    }

    fn post(&self, path: &str, form: &str, body: &str, service: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("it runs");
        // moto tells its services apart by the signature's scope, which is not checked here.
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {service}.amazonaws.com\r\nConnection: close\r\nContent-Type: {form}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=root/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).expect("it reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("it answers in text");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }
}

/// A statement that allows these actions on buckets of this name.
pub(crate) fn allow(bucket: &str, actions: &[&str]) -> String {
    let actions = actions.join(r#"",""#);
    format!(
        r#"{{"Effect":"Allow","Action":["{actions}"],"Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}"#
    )
}
