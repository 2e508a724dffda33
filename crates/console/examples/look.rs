//! Serves the console with a few prepared requests, to look at it: `cargo run --example look`.
//!
//! Prints the address to open. There is no gateway behind it: clicks are answered by a stand-in.

#[path = "../tests/console/world.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "written for the tests, which use the rest of it")]
mod world;

use countersign_chat::{Choice, EffectView, Notice, State, WholeView};
use countersign_console::Listen;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Reversibility, Sensitivity, Tier};
use world::{World, argv, card, id, ran, scaling};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let world = World::on(Listen::at(socket.local_addr()?)?, "Bob approved decision 5f2c9a1e");
    prepare(&world).await?;
    println!("{}", world.console.url());
    axum::serve(socket, world.router).await?;
    Ok(())
}

async fn prepare(world: &World) -> Result<(), Box<dyn std::error::Error>> {
    let office = &world.office;
    let typed = "/kubectl delete pod api-7f6d9c-x2x9k api-7f6d9c-zz81p -n payments --context prod-eu --apply";
    office.ask("ann", "Ann", typed, card(id("1"))).await;

    let mut scale = card(id("2"));
    scale.tier = Tier::Change;
    scale.reversibility = Reversibility::Reversible;
    scale.argv = argv(&["kubectl", "scale", "deployments.apps", "storefront", "--namespace=web", "--replicas=6"]);
    scale.state = State::Done { exit: 0 };
    scale.buttons.clear();
    scale = scale.with_effect(EffectView::Found(scaling(id("2"))));
    let thread = office.ask("cho", "Cho", "/kubectl scale deploy storefront -n web --replicas 6 --apply", scale).await;
    ran(world, &thread, id("2")).await;

    let mut plan = card(id("3"));
    plan.argv = argv(&["tf", "apply", "network"]);
    plan.tier = Tier::Change;
    plan.sensitivity = Sensitivity::Sensitive;
    plan.whole_view = WholeView::NotNeeded;
    plan.buttons = vec![Choice::Confirm, Choice::Cancel];
    office.ask("bob", "Bob", "/tf apply network", plan).await;

    let mut gone = card(id("4"));
    gone.state = State::Refused;
    gone.buttons.clear();
    let thread = office.ask("ann", "Ann", "/kubectl delete ns kube-system --apply", gone).await;
    let refusal = Refusal::new(
        Code::Protected,
        "`kube-system` is protected",
        "Use break-glass if this is an emergency; everybody will be told.",
    );
    world
        .chat
        .post(
            &thread,
            Notice::refused(refusal.by_rule("system-namespaces").at(20, 11), "/kubectl delete ns kube-system --apply"),
        )
        .await?;
    Ok(())
}
