//! Where the root key is, and how it is reached.
//!
//! **Invariant:** no secret is taken from an argument: tokens come from files or the environment.

use anyhow::Context as _;
use clap::builder::{StringValueParser, TypedValueParser as _};
use countersign_audit::keys;
use countersign_authority::folder::Folder;
use countersign_authority::root::Root;
use countersign_authority::signer::{
    FileRoot, KmsCredentials, KmsRoot, KmsSettings, RootSigner, VaultLogin, VaultRoot, VaultSettings,
};
use countersign_authority::spec::RootSpec;
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// Where the root key is.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Root key")]
pub struct RootOptions {
    /// The root key: a FILE, `vault:<mount>/<key>`, or `kms:<key id, ARN or alias/name>`; by default `root.key` in the folder.
    #[arg(long, value_name = "WHERE")]
    pub root: Option<RootSpec>,
    /// Where Vault is: `https://host[:port]`.
    #[arg(long, value_name = "URL", env = "VAULT_ADDR")]
    pub vault_address: Option<String>,
    /// PEM file of the authority that certified Vault.
    #[arg(long, value_name = "FILE", env = "VAULT_CACERT")]
    pub vault_ca: Option<PathBuf>,
    /// File that holds a token of Vault, mode 0600; otherwise the variable `VAULT_TOKEN`.
    #[arg(long, value_name = "FILE")]
    pub vault_token_file: Option<PathBuf>,
    /// Logs in to Vault with this `AppRole` instead of a token.
    #[arg(long, value_name = "ID", requires = "vault_secret_id_file")]
    pub vault_role_id: Option<String>,
    /// File that holds the `AppRole`'s secret id, mode 0600.
    #[arg(long, value_name = "FILE", requires = "vault_role_id")]
    pub vault_secret_id_file: Option<PathBuf>,
    /// For the environment alone.
    #[arg(long, env = "VAULT_TOKEN", hide = true, hide_env_values = true, value_parser = StringValueParser::new().map(SecretString::from))]
    pub vault_token_from_environment: Option<SecretString>,
    /// Region of AWS KMS; otherwise as every AWS tool finds it.
    #[arg(long, value_name = "NAME")]
    pub kms_region: Option<String>,
    /// Address of AWS KMS, if it is not the region's usual one.
    #[arg(long, value_name = "URL")]
    pub kms_endpoint: Option<String>,
}

impl RootOptions {
    /// The root key of an installation whose `root.pub` is in this folder.
    pub(super) async fn known(&self, folder: &Folder) -> anyhow::Result<Root> {
        let file = folder.file("root.pub").display().to_string();
        let public = keys::load_root(&folder.file("root.pub"))
            .context("the folder of keys (--keys, or --to) is to have the installation's `root.pub`")?;
        Ok(Root::known(self.signer(folder).await?, &public, &file).await?)
    }

    /// The root key of a new installation; made if it is to be in a file that is not there.
    pub(super) async fn founded(&self, folder: &Folder) -> anyhow::Result<Root> {
        match self.file(folder) {
            Some(path) if self.root.is_none() || !path.exists() => {
                Ok(Root::new(Box::new(FileRoot::make(&path)?)).await?)
            }
            Some(_) | None => Ok(Root::new(self.signer(folder).await?).await?),
        }
    }

    /// The file of the root key, if it is one.
    pub(super) fn file(&self, folder: &Folder) -> Option<PathBuf> {
        match &self.root {
            None => Some(folder.file("root.key")),
            Some(RootSpec::File(path)) => Some(path.clone()),
            Some(RootSpec::Vault { .. } | RootSpec::Kms(_)) => None,
        }
    }

    async fn signer(&self, folder: &Folder) -> anyhow::Result<Box<dyn RootSigner>> {
        Ok(match &self.root {
            None => Box::new(FileRoot::new(folder.file("root.key"))),
            Some(RootSpec::File(path)) => Box::new(FileRoot::new(path)),
            Some(RootSpec::Vault { mount, key }) => Box::new(VaultRoot::open(&self.vault()?, mount, key).await?),
            Some(RootSpec::Kms(key)) => {
                let settings = KmsSettings {
                    region: self.kms_region.clone(),
                    endpoint: self.kms_endpoint.clone(),
                    credentials: KmsCredentials::Chain,
                };
                // The client's start is a large future.
                Box::new(Box::pin(KmsRoot::open(&settings, key)).await?)
            }
        })
    }

    fn vault(&self) -> anyhow::Result<VaultSettings> {
        let address = self.vault_address.clone().context("say where Vault is: --vault-address or VAULT_ADDR")?;
        let read = |path: &Path| -> anyhow::Result<SecretString> {
            let text = keys::read_private(path).context("a secret for Vault cannot be read")?;
            Ok(SecretString::from(text.trim()))
        };
        let login = match (&self.vault_role_id, &self.vault_secret_id_file, &self.vault_token_file) {
            (Some(role_id), Some(file), _) => VaultLogin::AppRole { role_id: role_id.clone(), secret_id: read(file)? },
            (_, _, Some(file)) => VaultLogin::Token(read(file)?),
            (_, _, None) => {
                let token = self.vault_token_from_environment.clone();
                VaultLogin::Token(
                    token.context("a login for Vault is needed: --vault-token-file, --vault-role-id or VAULT_TOKEN")?,
                )
            }
        };
        Ok(VaultSettings { address, ca: self.vault_ca.clone(), login })
    }
}
