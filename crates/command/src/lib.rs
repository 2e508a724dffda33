//! Text to typed command.
