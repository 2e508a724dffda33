//! What a worker calls itself.
//!
//! **Invariant:** no two starts have one name: a worker that came back must not be taken for the
//! one that died with a claim in its hands.

/// Longest beginning of a name, in bytes.
const LONGEST: usize = 48;

/// `<beginning>-<pid>-<random>`; it begins with the host's name if nothing else is given.
#[must_use]
pub fn fresh_name(beginning: Option<&str>) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let beginning: String = beginning.unwrap_or(&host).chars().filter(fits).take(LONGEST).collect();
    let beginning = if beginning.is_empty() { "worker" } else { &beginning };
    let mut random = [0_u8; 4];
    getrandom::fill(&mut random).expect("the kernel gives random bytes once it has booted");
    format!("{beginning}-{}-{}", std::process::id(), countersign_core::digest::hex(&random))
}

#[cfg(test)]
mod tests {
    use super::fresh_name;

    #[test]
    fn no_two_starts_have_one_name() {
        let (one, other) = (fresh_name(Some("w1")), fresh_name(Some("w1")));
        assert!(one.starts_with("w1-") && one != other, "{one} {other}");
        assert!(fresh_name(Some("a b\n{c}")).starts_with("abc-"));
        assert!(fresh_name(Some("")).starts_with("worker-"));
    }
}
