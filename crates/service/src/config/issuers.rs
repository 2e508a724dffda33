//! `worker.issuers`: what this worker asks for credentials with.
//!
//! **Invariant:** what a worker may mint is decided here and by the issuers, never by the catalog: a
//! worker without means for a target issues nothing for it.

use super::read::Reading;
use super::{ClusterMinter, Issuers, Vault, VaultLogin};
use countersign_policy::ProblemCode;
use countersign_policy::reader::Fields;
use countersign_policy::yaml::Node;
use std::path::PathBuf;

/// The kubelet's own place for a pod's token.
///
/// Source: Kubernetes, "Configure Service Accounts for Pods".
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

impl Reading<'_, '_> {
    pub(super) fn issuers(&mut self, node: &Node) -> Option<Issuers> {
        let keys = ["clusters", "vault", "sts", "iam_credentials", "oauth2", "ca"];
        let own = self.reader.fields(node, "`worker.issuers`", &keys, &[])?;
        let clusters = own.of("clusters").map_or(Some(Vec::new()), |node| {
            let entries = self.reader.map(node, "`clusters`")?;
            let mut found = Vec::new();
            for (key, node) in entries {
                let own = self.reader.fields(node, "a cluster", &["token"], &[])?;
                let token = self.reader.required(&own, "token", "a cluster").and_then(|node| self.secret_of(node))?;
                found.push(ClusterMinter { cluster: key.text.clone(), token });
            }
            Some(found)
        });
        let vault = match own.of("vault") {
            Some(node) => Some(self.vault(node)?),
            None => None,
        };
        // One that is wrong is noted, and the file refused for it.
        let mut address = |key: &str| own.of(key).and_then(|node| self.web(node));
        let (sts, iam_credentials, oauth2) = (address("sts"), address("iam_credentials"), address("oauth2"));
        let ca = self.optional_path(&own, "ca");
        Some(Issuers { clusters: clusters?, vault, sts, iam_credentials, oauth2, ca })
    }

    fn vault(&mut self, node: &Node) -> Option<Vault> {
        let keys = ["address", "ca", "namespace", "app_role", "kubernetes", "journal"];
        let own = self.reader.fields(node, "`vault`", &keys, &[])?;
        let address = self.reader.required(&own, "address", "`vault`").and_then(|node| self.web(node));
        let ca = self.optional_path(&own, "ca");
        let namespace = own.of("namespace").and_then(|node| self.reader.name(node, "`namespace`"));
        let login = match (own.of("app_role"), own.of("kubernetes")) {
            (Some(node), None) => self.app_role(node),
            (None, Some(node)) => self.pod(node),
            (Some(_), Some(_)) | (None, None) => {
                let hint = "write `app_role: { role_id: …, secret_id: file:… }` or `kubernetes: { role: … }`";
                self.reader.note_with_hint(node.at, ProblemCode::Missing, "`vault` needs one way to log in", hint);
                None
            }
        };
        let journal = match own.of("journal") {
            Some(node) => Some(self.journal(node)?),
            None => None,
        };
        Some(Vault { address: address?, ca, namespace: namespace.map(str::to_owned), login: login?, journal })
    }

    fn app_role(&mut self, node: &Node) -> Option<VaultLogin> {
        let own = self.reader.fields(node, "`app_role`", &["mount", "role_id", "secret_id"], &[])?;
        let mount = self.mount(&own, "approle");
        let role_id = self.required_text(&own, "role_id", "`app_role`");
        let secret = self.reader.required(&own, "secret_id", "`app_role`").and_then(|node| self.secret_of(node));
        Some(VaultLogin::AppRole { mount: mount?, role_id: role_id?, secret_id: secret? })
    }

    fn pod(&mut self, node: &Node) -> Option<VaultLogin> {
        let own = self.reader.fields(node, "`kubernetes`", &["mount", "role", "jwt"], &[])?;
        let mount = self.mount(&own, "kubernetes");
        let role = self.required_text(&own, "role", "`kubernetes`");
        let jwt = match own.of("jwt") {
            Some(node) => self.path_of(node, "`jwt`"),
            None => Some(PathBuf::from(POD_TOKEN)),
        };
        Some(VaultLogin::Kubernetes { mount: mount?, role: role?, jwt: jwt? })
    }

    fn mount(&mut self, own: &Fields<'_>, default: &str) -> Option<String> {
        let Some(node) = own.of("mount") else { return Some(default.to_owned()) };
        self.place(node, "`mount`")
    }

    /// `kv/countersign/leases`: the mount of a kv engine and a folder in it.
    fn journal(&mut self, node: &Node) -> Option<(String, String)> {
        let place = self.place(node, "`journal`")?;
        let Some((mount, folder)) = place.split_once('/') else {
            let hint = "write `MOUNT/FOLDER`; each pool has its own folder in it";
            self.reader.note_with_hint(node.at, ProblemCode::Value, "`journal` is a folder of a kv engine", hint);
            return None;
        };
        Some((mount.to_owned(), folder.to_owned()))
    }

    /// A path that stays where it begins.
    fn place(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.reader.name(node, what)?;
        if !text.split('/').all(|part| !part.is_empty() && !part.starts_with('.')) {
            self.reader.note(node.at, ProblemCode::Value, format!("{what} is not a path of Vault"));
            return None;
        }
        Some(text.to_owned())
    }

    /// `https://host[:port]`; plain only on this machine.
    fn web(&mut self, node: &Node) -> Option<String> {
        let text = self.reader.name(node, "an address")?;
        let host = |rest: &str| !rest.is_empty() && !rest.contains(['/', '@', '=', '+']);
        let here = |rest: &str| {
            let name = rest.rsplit_once(':').map_or(rest, |(name, _)| name);
            matches!(name, "127.0.0.1" | "[::1]" | "localhost")
        };
        let fits = match text.split_once("://") {
            Some(("https", rest)) => host(rest),
            Some(("http", rest)) => host(rest) && here(rest),
            _ => false,
        };
        if !fits {
            let hint = "write `https://host:port`; `http://` is for this machine";
            self.reader.note_with_hint(node.at, ProblemCode::Value, "this is not the address of an issuer", hint);
            return None;
        }
        Some(text.to_owned())
    }
}
