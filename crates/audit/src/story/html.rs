//! A story as one page that needs nothing else: to be mailed, printed, and kept.
//!
//! **Invariant:** no script, no address outside the page, and every text escaped by the template.

use super::telling::{Form, Line, Telling, harmless};
use askama::Template;

/// Everything the page shows.
#[derive(Template)]
#[template(path = "story.html")]
struct Page<'a> {
    telling: &'a Telling,
    made: &'a str,
}

impl Telling {
    /// One self-contained page. `made` says when and from what it was made.
    #[must_use]
    pub fn to_html(&self, made: &str) -> String {
        Page { telling: self, made: &harmless(made) }.render().expect("the template writes to memory")
    }
}

impl Line {
    /// The class of a line on the page.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self.form {
            Form::Plain => "plain",
            Form::Code => "code",
            Form::Minus => "code minus",
            Form::Plus => "code plus",
            Form::Good => "code good",
            Form::Bad => "code bad",
            Form::Fold => "fold",
        }
    }

    /// Whether it is shown on demand only.
    #[must_use]
    pub fn is_folded(&self) -> bool {
        self.form == Form::Fold
    }
}
