//! Did you mean …? A suggestion is shown and never taken.

/// The smallest similarity at which a suggestion helps more than it irritates.
const CLOSE_ENOUGH: f32 = 0.6;
/// Longer words are not compared: they are no misspelt names.
const LONGEST: usize = 64;

/// The known name that looks most like what was typed.
#[must_use]
pub fn closest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if typed.chars().count() > LONGEST {
        return None;
    }
    let known: Vec<&str> = known.into_iter().collect();
    similar::get_close_matches(typed, &known, 1, CLOSE_ENOUGH).first().copied()
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn only_what_is_close_is_suggested() {
        let known = ["delete", "describe", "get"];
        assert_eq!(closest("delte", known), Some("delete"));
        assert_eq!(closest("xyzzy", known), None);
        assert_eq!(closest(&"delete".repeat(1_000), known), None);
    }
}
