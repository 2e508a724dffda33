//! The console in a real browser, as people use it at a desk and on a phone.
//!
//! `drive.mjs` holds what is expected of every page. With `COUNTERSIGN_SCREENSHOTS=DIR` the pictures of the
//! documentation are written there.

#![cfg(test)]

mod driven;

use driven::Demo;

#[test]
fn a_request_goes_its_whole_way_at_a_desk() {
    Demo::start().walk("desktop");
}

#[test]
fn a_request_goes_its_whole_way_on_a_phone() {
    Demo::start().walk("phone");
}

#[test]
fn the_audit_page_shows_a_record_that_was_changed() {
    let demo = Demo::start();
    demo.change_a_record();
    demo.walk("changed");
}
