//! The content of files, from the one host that keeps them.
//!
//! **Invariant:** the bot's token goes to Slack's host of files and to no other, over https; a
//! redirect is a no. What is read ends at the limit, whatever Slack said of the size.

use super::{Web, bounded, wire};
use crate::api::{ApiError, File};
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;

/// Where each Slack keeps files. Source: Slack, "File object" (`url_private`); for the government, its own domain.
const HOSTS: [(&str, &str); 2] = [("slack.com", "files.slack.com"), ("slack-gov.com", "files.slack-gov.com")];

impl Web {
    /// At most `most` bytes.
    pub(super) async fn download(&self, file: &File, most: usize) -> Result<Vec<u8>, ApiError> {
        let address = file.url_private_download.as_ref().or(file.url_private.as_ref());
        let url = address.and_then(|text| self.kept_at(text));
        let url = url.ok_or_else(|| ApiError::Refused("foreign_file_address".into()))?;
        let request = self.http.get(url).bearer_auth(self.token.bearer());
        let answer = request.send().await.map_err(|error| wire::unanswered(&error))?;
        let answer = wire::accepted(answer)?;
        let media = answer.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        if media.trim_start().to_ascii_lowercase().starts_with("text/html") {
            // A page to log in at: what Slack gives to a token without the scope, with a status of yes.
            return Err(ApiError::Refused("login_page".into()));
        }
        bounded(answer, most, "file_too_long").await
    }

    /// The address, if it is at the host that keeps the files of the Slack that is called.
    fn kept_at(&self, address: &str) -> Option<Url> {
        let url: Url = address.parse().ok()?;
        let is_bare = url.username().is_empty() && url.password().is_none();
        let is_there = match files_of(&self.address) {
            Some(host) => url.scheme() == "https" && url.host_str() == Some(host) && url.port().is_none(),
            None => url.origin() == self.address.origin(),
        };
        (is_bare && is_there).then_some(url)
    }
}

/// The host of files. `None` for a stand-in, which keeps them where it is called.
fn files_of(api: &Url) -> Option<&'static str> {
    let host = api.host_str().unwrap_or_default();
    let is_of = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    HOSTS.into_iter().find(|(domain, _)| is_of(domain)).map(|(_, files)| files)
}

#[cfg(test)]
mod tests {
    use crate::{Token, Web};

    fn keeps(api: &str, address: &str) -> bool {
        let web = Web::new(api, Token::new("xoxb-1".to_owned().into())).unwrap_or_else(|_| unreachable!());
        web.kept_at(address).is_some()
    }

    #[test]
    fn the_token_goes_to_slacks_host_of_files_alone() {
        for api in ["https://slack.com/api", "https://www.slack.com/api"] {
            assert!(keeps(api, "https://files.slack.com/files-pri/T1-F1/download/a.yaml"));
            for address in [
                "http://files.slack.com/files-pri/T1-F1/a.yaml",
                "https://files.slack.com:8443/files-pri/T1-F1/a.yaml",
                "https://files.slack.com.evil.example/files-pri/T1-F1/a.yaml",
                "https://evil.example/files.slack.com/a.yaml",
                "https://files.slack.com@evil.example/a.yaml",
                "https://me:x@files.slack.com/a.yaml",
                "https://evil.slack.com/a.yaml",
                "https://slack.com/files-pri/T1-F1/a.yaml",
                "https://files.slack-gov.com/a.yaml",
                "https://xfiles.slack.com/a.yaml",
                "https://files.slack.com./a.yaml",
                "https://127.0.0.1/a.yaml",
                "file:///etc/passwd",
                "//files.slack.com/a.yaml",
                "",
            ] {
                assert!(!keeps(api, address), "{address}");
            }
        }
        assert!(keeps("https://slack-gov.com/api", "https://files.slack-gov.com/a.yaml"));
        assert!(!keeps("https://slack-gov.com/api", "https://files.slack.com/a.yaml"));
        assert!(!keeps("https://notslack.com/api", "https://files.slack.com/a.yaml"));
        assert!(keeps("http://127.0.0.1:1/api", "http://127.0.0.1:1/files-pri/T1-F1/a.yaml"));
        for address in ["http://127.0.0.1:2/a.yaml", "http://localhost:1/a.yaml", "https://files.slack.com/a.yaml"] {
            assert!(!keeps("http://127.0.0.1:1/api", address), "{address}");
        }
    }
}
