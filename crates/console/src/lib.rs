//! The same vocabulary as a web page.
