//! What this program does as a command inside a jail: it looks around, attacks, and prints what it found.

use std::io::{Read as _, Write as _, stdout};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Acts on the arguments after [`INSIDE`](super::INSIDE).
pub(crate) fn act(arguments: &[String]) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["as", tool @ ..] => stand_in(tool),
        ["environment"] => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        ["read", paths @ ..] => paths.iter().for_each(|path| read(path)),
        ["connect", addresses @ ..] => addresses.iter().for_each(|address| connect(address)),
        ["proxy", authorities @ ..] => authorities.iter().for_each(|authority| proxy(authority)),
        ["secret"] => secret(),
        ["bomb", kind] => bomb(kind),
        ["plant", to, places @ ..] => places.iter().for_each(|place| plant(to, place)),
        other => panic!("unknown attack {other:?}"),
    }
}

/// What a tool is given: its arguments, its environment, and the files that variables name.
fn stand_in(arguments: &[&str]) {
    println!("argv {}", arguments.join(" "));
    for (name, value) in std::env::vars() {
        println!("env {name}={value}");
        if let Ok(text) = std::fs::read_to_string(&value) {
            text.lines().for_each(|line| println!("file {name} {line}"));
        }
    }
}

fn read(path: &str) {
    match std::fs::read(path) {
        Ok(bytes) => println!("{path}: read {} bytes: {}", bytes.len(), String::from_utf8_lossy(&bytes)),
        Err(error) => println!("{path}: {:?}", error.kind()),
    }
}

fn connect(address: &str) {
    let address: SocketAddr = address.parse().unwrap();
    match TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
        Ok(_) => println!("{address}: connected"),
        Err(error) => println!("{address}: {:?}", error.kind()),
    }
}

fn proxy(authority: &str) {
    let proxy = kubeconfig()["clusters"][0]["cluster"]["proxy-url"].as_str().unwrap().to_owned();
    let mut stream = TcpStream::connect(proxy.trim_start_matches("http://").trim_end_matches('/')).unwrap();
    write!(stream, "CONNECT {authority} HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    println!("{authority}: {answer}");
}

fn kubeconfig() -> serde_json::Value {
    let file = std::fs::read(std::env::var_os("KUBECONFIG").unwrap()).unwrap();
    serde_json::from_slice(&file).unwrap()
}

/// Writes 10 GiB, unless it is stopped; `lines` writes a million short lines and is done.
fn bomb(kind: &str) {
    let mut out = stdout().lock();
    if kind == "lines" {
        let mut lines = std::io::BufWriter::new(out);
        (0..1_000_000).for_each(|n| writeln!(lines, "{n}").unwrap());
        return;
    }
    let block: Vec<u8> = match kind {
        "text" => b"one line of many\n".repeat(4096),
        "one-line" => vec![b'x'; 64 << 10],
        _ => (0..64_u32 << 10).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect(),
    };
    let mut left: u64 = 10 << 30;
    while left > 0 {
        let Ok(wrote @ 1..) = out.write(&block) else { return };
        left = left.saturating_sub(wrote as u64);
    }
}

fn plant(to: &str, place: &str) {
    match std::os::unix::fs::symlink(to, place) {
        Ok(()) => println!("{place}: planted"),
        Err(error) => println!("{place}: {:?}", error.kind()),
    }
}

/// Prints the job's own token in several spellings, also byte by byte with a flush between.
fn secret() {
    use base64::Engine as _;
    let config = kubeconfig();
    let token = config["users"][0]["user"]["token"].as_str().unwrap();
    println!("plain {token}");
    println!("base64 {}", base64::engine::general_purpose::STANDARD.encode(format!("x{token}")));
    println!("hex {}", countersign_core::digest::hex(token.as_bytes()));
    print!("slow ");
    for byte in token.bytes() {
        stdout().write_all(&[byte]).unwrap();
        stdout().flush().unwrap();
    }
    println!(" end");
    eprintln!("error {token}");
}
