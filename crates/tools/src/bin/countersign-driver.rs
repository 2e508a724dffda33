//! The installed driver program. It is started in a jail and of no use to people.

fn main() {
    countersign_tools::enter_if_asked();
    eprintln!("countersign-driver is started by countersign-worker, in a jail");
    std::process::exit(2);
}
