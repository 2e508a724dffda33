//! Attacks each promise of the jail from inside: as root, as an ordinary user, and as each behind a container's filter.
//!
//! The program brings its own `main`: it is at once test runner, launcher of its jobs, attacker inside them, and the
//! ordinary user's copy of itself. It is named after the threats' property numbers.

#![expect(clippy::unwrap_used, reason = "this is a test; without the usual harness the linter does not see it")]

mod container;
mod harness;
mod inside;
mod isolation;
mod kill;
mod limits;
mod network;
mod refusals;

use harness::{Test, World};

const TESTS: &[Test] = &[
    Test("p15_arguments_are_literal", isolation::p15_arguments_are_literal),
    Test("p15_no_shell_is_needed_or_there", isolation::p15_no_shell_is_needed_or_there),
    Test("p17_no_route_out", network::p17_no_route_out),
    Test("p17_only_the_proxy_is_reachable", network::p17_only_the_proxy_is_reachable),
    Test("p17_the_proxy_is_reachable_at_nested", network::p17_the_proxy_is_reachable_at_nested),
    Test("p17_no_raw_or_netlink_socket", network::p17_no_raw_or_netlink_socket),
    Test("p18_environment_and_descriptors_are_the_plans", isolation::p18_environment_and_descriptors_are_the_plans),
    Test("p18_nothing_of_the_worker_is_readable", isolation::p18_nothing_of_the_worker_is_readable),
    Test("p18_private_files_are_private", isolation::p18_private_files_are_private),
    Test("p18_no_privilege_is_left", isolation::p18_no_privilege_is_left),
    Test("p18_no_privilege_is_left_at_nested", isolation::p18_no_privilege_is_left_at_nested),
    Test("p18_forbidden_system_calls", isolation::p18_forbidden_system_calls),
    Test("p18_the_root_is_read_only", isolation::p18_the_root_is_read_only),
    Test("p18_the_home_alone_is_writable_at_nested", isolation::p18_the_home_alone_is_writable_at_nested),
    Test("p18_written_files_do_not_execute_unless_allowed", isolation::p18_written_files_do_not_execute_unless_allowed),
    Test("p19_jobs_do_not_see_each_other", isolation::p19_jobs_do_not_see_each_other),
    Test("p19_jobs_do_not_see_each_other_at_nested", isolation::p19_jobs_do_not_see_each_other_at_nested),
    Test("p19_jobs_do_not_harm_each_other", isolation::p19_jobs_do_not_harm_each_other),
    Test("p20_a_killed_job_leaves_nobody", kill::p20_a_killed_job_leaves_nobody),
    Test("p20_cancel_leaves_nothing", kill::p20_cancel_leaves_nothing),
    Test("p20_everything_inside_is_asked_to_end", kill::p20_everything_inside_is_asked_to_end),
    Test("p20_a_dropped_job_leaves_nobody", kill::p20_a_dropped_job_leaves_nobody),
    Test("p20_a_finished_job_leaves_nobody", kill::p20_a_finished_job_leaves_nobody),
    Test("p20_a_dead_worker_leaves_nobody", kill::p20_a_dead_worker_leaves_nobody),
    Test("p20_a_dead_launcher_leaves_nobody", kill::p20_a_dead_launcher_leaves_nobody),
    Test(
        "p20_a_dead_launcher_leaves_nobody_of_its_user_for_long",
        kill::p20_a_dead_launcher_leaves_nobody_of_its_user_for_long,
    ),
    Test("p20_terminate_and_interrupt_reach_the_command", kill::p20_terminate_and_interrupt_reach_the_command),
    Test("p45_fork_bomb", limits::p45_fork_bomb),
    Test("p45_memory_bomb", limits::p45_memory_bomb),
    Test("p45_descriptor_leak", limits::p45_descriptor_leak),
    Test("p45_disk_filler", limits::p45_disk_filler),
    Test("p45_cpu_hog", limits::p45_cpu_hog),
    Test("p46_nothing_is_left_after_many_jobs", limits::p46_nothing_is_left_after_many_jobs),
    Test("p47_a_planted_link_is_removed_not_followed", limits::p47_a_planted_link_is_removed_not_followed),
    Test("a_failed_step_runs_nothing_and_is_named", refusals::a_failed_step_runs_nothing_and_is_named),
    Test(
        "strict_is_refused_in_a_container_and_nested_is_not",
        container::strict_is_refused_in_a_container_and_nested_is_not,
    ),
    Test("input_output_and_exit_codes_arrive", refusals::input_output_and_exit_codes_arrive),
    Test("the_probe_trusts_this_host", refusals::the_probe_trusts_this_host),
    Test("the_probe_finds_a_broken_promise", refusals::the_probe_finds_a_broken_promise),
];

fn main() {
    if refusals::is_liar() {
        return refusals::lie();
    }
    countersign_jail::enter_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(inside::MARKER) => inside::attack(&arguments[1..]),
        Some(harness::WORKER) => harness::act_as_worker(&arguments[1..]),
        _ => World::run(TESTS, &arguments),
    }
}
