//! People in Slack, from the typed line to the result: the real front against a strict stand-in, and against a Slack
//! that other people wrote.

mod attacks;
mod files;
mod local_slack;
mod scenarios;
mod third_party;
mod weather;
mod world;
