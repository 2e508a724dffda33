//! Tokens that begin with fixed letters: one table, for typed text and for output.
//!
//! Formats as the vendors document them and as gitleaks 8, trufflehog and GitHub's secret scanning list them: AWS IAM
//! identifiers, Slack token types, GitHub, GitLab and Vault token prefixes, and so on. Lengths are lower bounds, so that a
//! longer format of tomorrow is found too, except where a shorter prefix needs an exact one.
//!
//! **Invariant:** a shape is narrow enough that no name, digest or identifier has it by chance.

use super::random::{has_digit, mixed, uuid};
use super::view::word;
use crate::typed::TokenKind;

/// A token that begins with fixed letters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) prefix: &'static str,
    /// How many characters of the alphabet follow at least.
    pub(crate) least: usize,
    /// And at most; more of them are something else.
    pub(crate) most: usize,
    pub(crate) alphabet: fn(u8) -> bool,
    pub(crate) kind: TokenKind,
    /// What else what follows must be.
    pub(crate) check: fn(&[u8]) -> bool,
}

/// Longer than any token.
pub(crate) const ENDLESS: usize = usize::MAX;

const fn shape(prefix: &'static str, least: usize, alphabet: fn(u8) -> bool, kind: TokenKind) -> Shape {
    Shape { prefix, least, most: ENDLESS, alphabet, kind, check: any }
}

const fn exactly(prefix: &'static str, length: usize, alphabet: fn(u8) -> bool, kind: TokenKind) -> Shape {
    Shape { prefix, least: length, most: length, alphabet, kind, check: any }
}

impl Shape {
    const fn that(self, check: fn(&[u8]) -> bool) -> Self {
        Self { check, ..self }
    }
}

const fn any(_: &[u8]) -> bool {
    true
}

const fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const fn alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

const fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

const fn encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
}

/// Twenty-two characters, a dot, forty-three: a `SendGrid` key behind its prefix.
fn send_grid(tail: &[u8]) -> bool {
    tail.iter().position(|&byte| byte == b'.').is_some_and(|at| at >= 16 && tail.len() - at > 32)
}

/// Small letters and capitals, and digits unless the first was one.
fn varied(tail: &[u8]) -> bool {
    tail.iter().any(u8::is_ascii_lowercase) && tail.iter().any(u8::is_ascii_uppercase) && has_digit(tail)
}

/// Two runs of letters and digits with a dot between.
fn two_parts(tail: &[u8]) -> bool {
    tail.iter().position(|&byte| byte == b'.').is_some_and(|at| at >= 14 && tail.len() - at > 20)
}

use TokenKind as K;

/// Formats with a prefix too short to be looked for: what follows it is part of what is looked for.
macro_rules! short {
    ($prefix:literal, $length:expr, $alphabet:expr, $kind:expr, $check:expr; $($first:literal)+) => {
        &[$(exactly(concat!($prefix, $first), $length - 1, $alphabet, $kind).that($check)),+]
    };
}

/// Twilio's keys, and tokens of Vault before 1.10.
const SHORT: [&[Shape]; 2] = [
    short!("SK", 32, hex, K::ApiKey, has_digit; "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "a" "b" "c" "d" "e" "f"),
    short!("s.", 24, alnum, K::Vault, varied;
        "0" "1" "2" "3" "4" "5" "6" "7" "8" "9"
        "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t" "u" "v" "w" "x" "y" "z"
        "A" "B" "C" "D" "E" "F" "G" "H" "I" "J" "K" "L" "M" "N" "O" "P" "Q" "R" "S" "T" "U" "V" "W" "X" "Y" "Z"),
];

/// Every shape we know.
const SHAPES: &[Shape] = &[
    shape("AKIA", 16, upper, K::AwsAccessKey),
    shape("ASIA", 16, upper, K::AwsAccessKey),
    exactly("ABIA", 16, upper, K::AwsAccessKey).that(has_digit),
    exactly("ACCA", 16, upper, K::AwsAccessKey).that(has_digit),
    shape("ABSK", 100, encoded, K::AwsAccessKey),
    shape("bedrock-api-key-", 30, encoded, K::AwsAccessKey),
    shape("xoxb-", 10, word, K::Slack),
    shape("xoxp-", 10, word, K::Slack),
    shape("xoxa-", 10, word, K::Slack),
    shape("xoxr-", 10, word, K::Slack),
    shape("xoxs-", 10, word, K::Slack),
    shape("xoxo-", 10, word, K::Slack),
    shape("xoxe-", 10, word, K::Slack),
    shape("xoxe.", 10, dotted, K::Slack),
    shape("xoxc-", 10, word, K::Slack),
    shape("xoxd-", 10, encoded, K::Slack),
    shape("xapp-", 10, word, K::Slack),
    shape("xwfp-", 10, word, K::Slack),
    shape("ghp_", 30, alnum, K::GitHub),
    shape("gho_", 30, alnum, K::GitHub),
    shape("ghu_", 30, alnum, K::GitHub),
    shape("ghs_", 30, dotted, K::GitHub),
    shape("ghr_", 30, alnum, K::GitHub),
    shape("github_pat_", 30, word, K::GitHub),
    shape("glpat-", 20, dotted, K::GitLab),
    shape("gldt-", 20, word, K::GitLab),
    shape("glrt-", 20, dotted, K::GitLab),
    shape("glrtr-", 20, dotted, K::GitLab),
    shape("glcbt-", 20, dotted, K::GitLab),
    shape("glptt-", 40, hex, K::GitLab),
    shape("glft-", 20, word, K::GitLab),
    shape("glimt-", 20, word, K::GitLab),
    shape("glagent-", 40, word, K::GitLab),
    shape("gloas-", 40, word, K::GitLab),
    shape("glsoat-", 20, word, K::GitLab),
    shape("glffct-", 20, word, K::GitLab),
    shape("GR1348941", 20, word, K::GitLab),
    shape("AIza", 35, word, K::Google),
    shape("ya29.", 20, dotted, K::Google),
    shape("GOCSPX-", 20, word, K::Google),
    shape("1//0", 30, word, K::Google).that(mixed),
    shape("hvs.", 20, word, K::Vault),
    shape("hvb.", 20, word, K::Vault),
    shape("hvr.", 20, word, K::Vault),
    shape("npm_", 36, alnum, K::PackageRegistry),
    shape("pypi-", 40, word, K::PackageRegistry),
    shape("rubygems_", 40, hex, K::PackageRegistry),
    shape("CLOJARS_", 50, alnum, K::PackageRegistry),
    shape("AKCp", 60, alnum, K::PackageRegistry),
    shape("cmVmd", 55, alnum, K::PackageRegistry),
    shape("dckr_pat_", 20, word, K::PackageRegistry),
    shape("dckr_oat_", 20, word, K::PackageRegistry),
    shape("oy2", 43, alnum, K::PackageRegistry).that(has_digit),
    shape("sk_live_", 16, alnum, K::ApiKey),
    shape("rk_live_", 16, alnum, K::ApiKey),
    shape("sk_test_", 16, alnum, K::ApiKey),
    shape("rk_test_", 16, alnum, K::ApiKey),
    shape("sk_prod_", 16, alnum, K::ApiKey),
    shape("whsec_", 24, encoded, K::ApiKey),
    shape("sk-ant-", 20, word, K::ApiKey),
    shape("sk-proj-", 20, word, K::ApiKey),
    shape("sk-svcacct-", 20, word, K::ApiKey),
    shape("sk-admin-", 20, word, K::ApiKey),
    shape("sk-or-v1-", 32, hex, K::ApiKey),
    shape("sk-", 40, alnum, K::ApiKey).that(mixed),
    shape("gsk_", 40, alnum, K::ApiKey),
    shape("xai-", 60, alnum, K::ApiKey),
    shape("pplx-", 40, alnum, K::ApiKey),
    shape("hf_", 34, alnum, K::ApiKey),
    shape("api_org_", 34, alnum, K::ApiKey),
    shape("r8_", 37, alnum, K::ApiKey),
    shape("SG.", 60, dotted, K::ApiKey).that(send_grid),
    exactly("key-", 32, hex, K::ApiKey).that(has_digit),
    shape("pubkey-", 32, hex, K::ApiKey),
    shape("xkeysib-", 60, word, K::ApiKey),
    shape("dop_v1_", 40, hex, K::ApiKey),
    shape("doo_v1_", 40, hex, K::ApiKey),
    shape("dor_v1_", 40, hex, K::ApiKey),
    shape("shpat_", 32, hex, K::ApiKey),
    shape("shpca_", 32, hex, K::ApiKey),
    shape("shppa_", 32, hex, K::ApiKey),
    shape("shpss_", 32, hex, K::ApiKey),
    exactly("dapi", 32, hex, K::ApiKey).that(has_digit),
    shape("dkea", 32, hex, K::ApiKey),
    shape("NRAK-", 27, upper, K::ApiKey),
    shape("NRAA-", 27, hex, K::ApiKey),
    shape("NRJS-", 19, hex, K::ApiKey),
    shape("NRII-", 32, word, K::ApiKey),
    shape("NRRA-", 40, hex, K::ApiKey),
    shape("ATATT3", 50, encoded, K::ApiKey),
    shape("ATBB", 32, alnum, K::ApiKey).that(mixed),
    shape("ATCTT3", 50, encoded, K::ApiKey),
    shape("lin_api_", 32, alnum, K::ApiKey),
    shape("lin_oauth_", 32, alnum, K::ApiKey),
    shape("glc_", 32, encoded, K::ApiKey).that(has_digit),
    shape("glsa_", 32, word, K::ApiKey),
    shape("eyJrIjoi", 60, alnum, K::ApiKey),
    shape("pul-", 40, hex, K::ApiKey),
    shape("dp.pt.", 40, alnum, K::ApiKey),
    shape("dp.st.", 40, dotted, K::ApiKey),
    shape("dp.ct.", 40, alnum, K::ApiKey),
    shape("dp.sa.", 40, alnum, K::ApiKey),
    shape("dt0c01.", 60, dotted, K::ApiKey),
    shape("PMAK-", 50, word, K::ApiKey),
    shape("pscale_tkn_", 32, dotted, K::ApiKey),
    shape("pscale_pw_", 32, dotted, K::ApiKey),
    shape("pscale_oauth_", 32, dotted, K::ApiKey),
    shape("HRKU-", 36, word, K::ApiKey),
    shape("ntn_", 40, alnum, K::ApiKey),
    shape("secret_", 43, alnum, K::ApiKey).that(mixed),
    shape("sntrys_", 40, encoded, K::ApiKey),
    shape("sntryu_", 40, hex, K::ApiKey),
    shape("phc_", 40, alnum, K::ApiKey),
    shape("phx_", 40, alnum, K::ApiKey),
    shape("sgp_", 40, word, K::ApiKey).that(has_digit),
    shape("EAAA", 50, word, K::ApiKey).that(mixed),
    shape("EAAC", 80, alnum, K::ApiKey).that(mixed),
    shape("sq0atp-", 22, word, K::ApiKey),
    shape("sq0csp-", 40, word, K::ApiKey),
    shape("shippo_live_", 40, hex, K::ApiKey),
    shape("EZAK", 54, alnum, K::ApiKey),
    shape("fo1_", 40, word, K::ApiKey),
    shape("fm2_", 60, encoded, K::ApiKey),
    shape("fm1r_", 60, encoded, K::ApiKey),
    shape("fm1a_", 60, encoded, K::ApiKey),
    shape("LTAI", 20, alnum, K::ApiKey).that(mixed),
    exactly("AKID", 32, alnum, K::ApiKey).that(mixed),
    shape("tskey-", 20, word, K::ApiKey).that(has_digit),
    shape("figd_", 40, word, K::ApiKey),
    shape("ops_eyJ", 100, encoded, K::ApiKey),
    shape("v1.0-", 100, word, K::ApiKey),
    shape("sha256~", 43, word, K::ApiKey),
    shape("p8e-", 32, alnum, K::ApiKey),
    shape("PRIVATE-TOKEN-", 20, word, K::ApiKey),
    shape("pat", 60, dotted, K::ApiKey).that(two_parts),
    shape("API-", 26, upper, K::ApiKey).that(has_digit),
    shape("AGE-SECRET-KEY-1", 50, upper, K::PrivateKey),
    shape("AGE-PLUGIN-", 60, upper, K::PrivateKey),
    shape("ccipat_", 40, word, K::ApiKey),
    shape("CCIPAT_", 40, word, K::ApiKey),
    shape("CCIPRJ_", 40, word, K::ApiKey),
    shape("bkua_", 40, hex, K::ApiKey),
    shape("squ_", 40, hex, K::ApiKey),
    shape("sqp_", 40, hex, K::ApiKey),
    shape("sqa_", 40, hex, K::ApiKey),
    shape("CFPAT-", 40, word, K::ApiKey),
    shape("sk.eyJ", 60, dotted, K::ApiKey),
    shape("tk.eyJ", 60, dotted, K::ApiKey),
    shape("ico-", 32, alnum, K::ApiKey).that(mixed),
    shape("fio-u-", 50, encoded, K::ApiKey),
    shape("pnu_", 36, alnum, K::ApiKey),
    shape("pnb_", 36, alnum, K::ApiKey),
    shape("rdme_", 60, alnum, K::ApiKey),
    shape("duffel_live_", 40, word, K::ApiKey),
    shape("duffel_test_", 40, word, K::ApiKey),
    shape("AQVN", 35, word, K::ApiKey).that(mixed),
    shape("s-s4t2ud-", 60, hex, K::ApiKey),
    shape("u-s4t2ud-", 60, hex, K::ApiKey),
    shape("sdk-", 36, word, K::ApiKey).that(uuid),
    shape("mob-", 36, word, K::ApiKey).that(uuid),
    shape("xaat-", 36, word, K::ApiKey).that(uuid),
    shape("xapt-", 36, word, K::ApiKey).that(uuid),
    shape("pat-na1-", 36, word, K::ApiKey).that(uuid),
    shape("pat-eu1-", 36, word, K::ApiKey).that(uuid),
    shape("sk-lf-", 36, word, K::ApiKey).that(uuid),
    exactly("cio", 32, alnum, K::PackageRegistry).that(mixed),
    shape("nvapi-", 60, word, K::ApiKey),
    shape("lsv2_", 40, word, K::ApiKey),
    shape("tgp_v1_", 40, word, K::ApiKey),
    shape("csk-", 40, alnum, K::ApiKey).that(has_digit),
    shape("jina_", 50, word, K::ApiKey),
    shape("tvly-", 30, word, K::ApiKey).that(has_digit),
    shape("pcsk_", 50, word, K::ApiKey),
    shape("xsmtpsib-", 60, word, K::ApiKey),
    shape("sb_secret_", 24, word, K::ApiKey),
    shape("napi_", 50, alnum, K::ApiKey),
    shape("pdl_live_apikey_", 30, word, K::ApiKey),
    shape("hcaik_", 50, alnum, K::ApiKey),
    shape("hcbik_", 50, alnum, K::ApiKey),
    shape("hcxik_", 50, alnum, K::ApiKey),
    shape("gitpod_pat_", 30, dotted, K::ApiKey),
    shape("FLWSECK", 30, word, K::ApiKey).that(has_digit),
    shape("rzp_live_", 14, alnum, K::ApiKey),
    shape("wandb_v1_", 40, word, K::ApiKey),
    shape("ddp_", 32, alnum, K::ApiKey),
    shape("ddapp_", 32, alnum, K::ApiKey),
    shape("tfp_", 44, alnum, K::ApiKey),
    shape("nfp_", 36, alnum, K::ApiKey),
    shape("sbp_", 40, hex, K::ApiKey),
    shape("vercel_blob_rw_", 30, word, K::ApiKey),
    shape("sl.", 60, word, K::ApiKey).that(mixed),
];

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Shape> {
    SHAPES.iter().chain(SHORT.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_is_listed_twice() {
        let mut prefixes: Vec<_> = all().map(|shape| shape.prefix).collect();
        prefixes.sort_unstable();
        let all = prefixes.len();
        prefixes.dedup();
        assert_eq!(prefixes.len(), all);
    }
}
