//! What a bucket holds, page by page.
//!
//! **Invariant:** a name that was hidden by a delete marker is listed all the same, and of several
//! versions the oldest is meant.

use super::client::Dated;
use super::{Bucket, Kind, Trouble};
use crate::sink::{Entry, Inventory, Irregularity};
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::operation::list_object_versions::builders::ListObjectVersionsFluentBuilder;
use aws_sdk_s3::types::EncodingType;
use std::collections::BTreeMap;

/// What was seen of one name so far.
#[derive(Debug, Default)]
struct Seen {
    /// Version and size; pages begin with the newest version, so the last one seen is the oldest.
    oldest: Option<(String, u64)>,
    versions: usize,
    deleted: bool,
}

/// Where the next page begins.
type Markers = (Option<String>, Option<String>);

impl Bucket {
    /// The bucket answers, and may be listed in the way it will be. Tells the store's time.
    pub(super) async fn first_page(&self) -> Result<(), Trouble> {
        let dated = Dated::default();
        match self.kind {
            Kind::Plain => {
                let list = self.clients.reads.list_objects_v2().bucket(&self.name).prefix(&self.prefix).max_keys(1);
                let answer = Box::pin(list.customize().interceptor(dated.clone()).send()).await;
                answer.map_err(|error| Trouble::of("s3:ListBucket", error))?;
            }
            Kind::Locked { .. } | Kind::ReadOnly => {
                let list =
                    self.clients.reads.list_object_versions().bucket(&self.name).prefix(&self.prefix).max_keys(1);
                let answer = Box::pin(list.customize().interceptor(dated.clone()).send()).await;
                answer.map_err(|error| Trouble::of("s3:ListBucketVersions", error))?;
            }
        }
        self.learn(&dated);
        Ok(())
    }

    /// All objects of a bucket without versions.
    pub(super) async fn objects(&self, prefix: &str) -> Result<Inventory, Trouble> {
        let mut entries = Vec::new();
        let mut next = None;
        loop {
            let list = self.clients.reads.list_objects_v2().bucket(&self.name);
            let list = list.prefix(format!("{}{prefix}", self.prefix)).encoding_type(EncodingType::Url);
            let page = Box::pin(list.set_continuation_token(next).send()).await;
            let page = page.map_err(|error| Trouble::of("s3:ListBucket", error))?;
            let encoded = page.encoding_type() == Some(&EncodingType::Url);
            for object in page.contents() {
                let name = self.own(plain(object.key().unwrap_or_default(), encoded));
                let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                entries.push(Entry { name, version: None, size });
            }
            next = page.next_continuation_token().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        // Stores other than AWS's may know another order.
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Inventory { entries, irregular: Vec::new() })
    }

    /// All versions of a bucket, and its delete markers.
    pub(super) async fn versions(&self, prefix: &str) -> Result<Inventory, Trouble> {
        let prefix = format!("{}{prefix}", self.prefix);
        let mut found: BTreeMap<String, Seen> = BTreeMap::new();
        let mut next = Some((None, None));
        while let Some(markers) = next {
            let page = self.page(&prefix, markers).await?;
            let encoded = page.encoding_type() == Some(&EncodingType::Url);
            for version in page.versions() {
                let seen = found.entry(plain(version.key().unwrap_or_default(), encoded)).or_default();
                let size = version.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                seen.oldest = version.version_id().map(|id| (id.to_owned(), size));
                seen.versions += 1;
            }
            for marker in page.delete_markers() {
                found.entry(plain(marker.key().unwrap_or_default(), encoded)).or_default().deleted = true;
            }
            next = following(&page, encoded);
        }
        let mut inventory = Inventory::default();
        for (full, seen) in found {
            let name = self.own(full);
            if seen.versions > 1 {
                inventory.irregular.push(Irregularity::SecondVersion(name.clone()));
            }
            if seen.deleted {
                inventory.irregular.push(Irregularity::DeleteMarker(name.clone()));
            }
            if let Some((version, size)) = seen.oldest {
                inventory.entries.push(Entry { name, version: Some(version), size });
            }
        }
        Ok(inventory)
    }

    /// The oldest version of one name.
    pub(super) async fn oldest(&self, full: &str) -> Result<Option<String>, Trouble> {
        let mut oldest = None;
        let mut next = Some((None, None));
        while let Some(markers) = next {
            let page = self.page(full, markers).await?;
            let encoded = page.encoding_type() == Some(&EncodingType::Url);
            let mut beyond = false;
            for version in page.versions() {
                // Names that only begin like it come after it.
                if plain(version.key().unwrap_or_default(), encoded) == full {
                    oldest = version.version_id().map(str::to_owned);
                } else {
                    beyond = true;
                }
            }
            next = if beyond { None } else { following(&page, encoded) };
        }
        Ok(oldest)
    }

    async fn page(&self, prefix: &str, (name, version): Markers) -> Result<ListObjectVersionsOutput, Trouble> {
        let list: ListObjectVersionsFluentBuilder = self.clients.reads.list_object_versions().bucket(&self.name);
        let list =
            list.prefix(prefix).encoding_type(EncodingType::Url).set_key_marker(name).set_version_id_marker(version);
        let page = Box::pin(list.send()).await;
        page.map_err(|error| Trouble::of("s3:ListBucketVersions", error))
    }

    /// The name without the bucket's prefix.
    fn own(&self, full: String) -> String {
        full.strip_prefix(&self.prefix).map(str::to_owned).unwrap_or(full)
    }
}

fn following(page: &ListObjectVersionsOutput, encoded: bool) -> Option<Markers> {
    let name = page.next_key_marker().map(|name| plain(name, encoded));
    (page.is_truncated() == Some(true) && name.is_some())
        .then(|| (name, page.next_version_id_marker().map(str::to_owned)))
}

/// Undoes the form of names that XML needs for what it cannot hold.
///
/// Source: Amazon S3 API reference, `encoding-type=url`: percent signs, and `+` for a space.
fn plain(name: &str, encoded: bool) -> String {
    if !encoded || !name.contains(['%', '+']) {
        return name.to_owned();
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = if let Some((high, low)) = code {
            bytes.push(high << 4 | low);
            after.get(2..).unwrap_or_default()
        } else {
            bytes.push(if first == b'+' { b' ' } else { first });
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_come_back_as_they_were_written() {
        for (encoded, name) in
            [("a/b%3Dc.note", "a/b=c.note"), ("a+b", "a b"), ("a%2Bb", "a+b"), ("%C3%A4%0A", "ä\n"), ("100%", "100%")]
        {
            assert_eq!(plain(encoded, true), name);
        }
        assert_eq!(plain("a+b%20", false), "a+b%20");
    }
}
