//! Where a registry is, and which other hosts belong to it.
//!
//! **Invariant:** a registry may send its client to another host for a token or for the bytes of a blob. A client goes
//! only where this list says that the registry's keeper has that host, never where an answer alone says so.

/// The hosts, `host:port`, that a client of `image`'s registry has to be let out to: the registry first.
///
/// `address` is where the registry is reached if that does not follow from the image's name.
#[must_use]
pub fn registry_hosts(image: &str, address: Option<&str>) -> Vec<String> {
    let host = image.split('/').next().unwrap_or_default();
    if let Some(address) = address {
        // Whoever says where it is says where all of it is.
        return vec![with_port(address)];
    }
    let mut hosts = vec![with_port(&home(host))];
    hosts.extend(others(host).into_iter().map(|other| format!("{other}:443")));
    hosts
}

/// The address of an image's registry.
pub(super) fn address(image: &str) -> String {
    format!("https://{}", home(image.split('/').next().unwrap_or_default()))
}

/// The API of Docker Hub is not where its name says.
///
/// Source: distribution/reference, "defaultDomain"; Docker, "Registry authentication".
fn home(host: &str) -> String {
    if host == "docker.io" { "registry-1.docker.io".to_owned() } else { host.to_owned() }
}

/// Source: Docker, "Allow list"; GitHub, "Working with the Container registry" and its list of domains; GitLab,
/// "Container registry", allow lists; Red Hat, "Firewall changes for quay.io"; AWS, "Minimum Amazon S3 bucket
/// permissions for Amazon ECR"; Google, "Container Registry" (storage).
fn others(host: &str) -> Vec<String> {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match host {
        "docker.io" | "registry-1.docker.io" => named(&[
            "auth.docker.io",
            "production.cloudflare.docker.com",
            "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com",
        ]),
        "ghcr.io" => named(&["pkg-containers.githubusercontent.com"]),
        "registry.gitlab.com" => named(&["gitlab.com", "cdn.registry.gitlab-static.net"]),
        "quay.io" => {
            let mirrors = (1..=6).map(|number| format!("cdn{number:02}.quay.io"));
            std::iter::once("cdn.quay.io".to_owned()).chain(mirrors).collect()
        }
        other if other == "gcr.io" || other.ends_with(".gcr.io") || other.ends_with("-docker.pkg.dev") => {
            named(&["storage.googleapis.com"])
        }
        other => elastic(other).into_iter().collect(),
    }
}

/// The bucket behind Amazon's registry of a region.
fn elastic(host: &str) -> Option<String> {
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let region = rest.strip_suffix(".amazonaws.com")?;
    let plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let fits = account.bytes().all(|byte| byte.is_ascii_digit()) && plain(region);
    fits.then(|| format!("prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com"))
}

fn with_port(address: &str) -> String {
    let (port, rest) = match address.strip_prefix("http://") {
        Some(rest) => (80, rest),
        None => (443, address.strip_prefix("https://").unwrap_or(address)),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if has_port { authority.to_owned() } else { format!("{authority}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_where_its_image_says() {
        assert_eq!(registry_hosts("registry.example.com/shop/checkout", None), ["registry.example.com:443"]);
        assert_eq!(registry_hosts("registry.example.com:5000/shop", None), ["registry.example.com:5000"]);
        assert_eq!(address("registry.example.com:5000/shop"), "https://registry.example.com:5000");
    }

    #[test]
    fn an_address_of_the_catalog_is_all_there_is() {
        assert_eq!(registry_hosts("ghcr.io/shop/x", Some("http://127.0.0.1:5000")), ["127.0.0.1:5000"]);
        assert_eq!(registry_hosts("ghcr.io/shop/x", Some("https://mirror.example.com")), ["mirror.example.com:443"]);
    }

    #[test]
    fn the_hosts_of_the_great_ones_are_known() {
        let ghcr = ["ghcr.io:443", "pkg-containers.githubusercontent.com:443"];
        assert_eq!(registry_hosts("ghcr.io/shop/x", None), ghcr);
        let hub = registry_hosts("docker.io/library/nginx", None);
        assert_eq!(hub.first().map(String::as_str), Some("registry-1.docker.io:443"));
        assert!(hub.contains(&"auth.docker.io:443".to_owned()));
        let bucket = "prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com:443".to_owned();
        assert!(registry_hosts("123456789012.dkr.ecr.eu-west-1.amazonaws.com/x", None).contains(&bucket));
        assert_eq!(registry_hosts("evil.dkr.ecr.a/b.amazonaws.com/x", None).len(), 1);
        assert_eq!(registry_hosts("ghcr.io.evil.example/x", None), ["ghcr.io.evil.example:443"]);
    }
}
