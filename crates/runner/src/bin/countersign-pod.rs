//! The first process of a job's pod, the launcher of what runs in it, and the builder of its image. It is started by the
//! cluster and by a build, and of no use to people.

fn main() {
    countersign_jail::enter_if_asked();
    countersign_runner::pod::enter_if_asked();
    countersign_runner::image::enter_if_asked();
    eprintln!("countersign-pod is started by a Kubernetes Job of countersign-worker");
    std::process::exit(2);
}
