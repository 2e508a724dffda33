//! The installed launcher. It is started by the worker and of no use to people.

fn main() {
    countersign_jail::enter_if_asked();
    eprintln!("countersign-jail is started by countersign-worker");
    std::process::exit(2);
}
