//! aws and gcloud: what they are given, and where they can go.

use crate::support::{Ask, TOKEN, World, shipped};
use countersign_core::tier::Isolation;
use countersign_runner::RunFault;
use countersign_runner::program::{Program, ProgramError};
use countersign_runner::target::{Endpoint, Profile, Project, Target};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The aws-cli that tests/run installs beside the workspace.
fn aws_cli() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|folder| folder.join(".cache/awscli")).find(|path| path.exists());
    found.expect("aws-cli is not installed: run tests/run")
}

/// Where the Cloud SDK is, if it is here; tests/programs.toml names it.
fn cloud_sdk() -> Option<PathBuf> {
    let sdk = PathBuf::from("/usr/lib/google-cloud-sdk");
    sdk.join("lib/gcloud.py").exists().then_some(sdk)
}

fn profile(endpoint: Option<Endpoint>) -> Target {
    Target::Profile(Profile { account: "111111111111".into(), endpoint })
}

fn project(endpoint: Option<Endpoint>) -> Target {
    Target::Project(Project { endpoint })
}

/// A server on this host that gives one answer to every request, and keeps them.
struct Stand {
    listener: TcpListener,
    endpoint: Endpoint,
}

impl Stand {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        Self { listener, endpoint }
    }

    /// Answers one request, and gives back its head and what of its body came with it.
    async fn answer(&self, kind: &str, body: &str) -> String {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
        request
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if read == 0 || body.len() >= length.unwrap_or(0_usize) {
                return text;
            }
        }
        assert!(read > 0, "the request ended early: {text}");
    }
}

/// The lines of the stand-in for a tool, sorted.
async fn told(world: &World, argv: &[&str]) -> Vec<String> {
    let (exit, output) = world.text(argv).await;
    assert_eq!(exit.code, Some(0), "{output} {:?}", exit.notes);
    let mut lines: Vec<String> = output.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

pub(crate) async fn p59_aws_gets_its_own_environment_and_no_other() {
    let world = World::with_stand_in("aws", profile(None)).await;
    let argv = ["aws", "ec2", "describe-instances", "--region", "eu-west-1"];
    let lines = told(&world, &argv).await;
    let env: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("env ")).collect();
    let expected = [
        "AWS_CONFIG_FILE=/home/job/aws-config",
        "AWS_EC2_METADATA_DISABLED=true",
        "AWS_SHARED_CREDENTIALS_FILE=/home/job/aws-credentials",
        "HOME=/home/job",
        "HTTPS_PROXY=http://127.0.0.1:3128",
        "LANG=C.UTF-8",
        "TZ=UTC",
    ];
    assert_eq!(env, expected);
    assert!(lines.contains(&"argv ec2 describe-instances --region eu-west-1".to_owned()), "{lines:?}");
    // The file has the keys, and the output does not.
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("file AWS_SHARED_CREDENTIALS_FILE aws_secret_access_key = [redacted:"))
    );
    world.close().await;
}

pub(crate) async fn p59_aws_gets_its_own_environment_at_nested() {
    let world = World::with_stand_in("aws", profile(None)).await.at(Isolation::Nested);
    let lines = told(&world, &["aws", "ec2", "describe-instances", "--region", "eu-west-1"]).await;
    let env = lines.iter().filter_map(|line| line.strip_prefix("env ")?.split_once('='));
    let names: Vec<&str> = env.map(|(name, _)| name).collect();
    let own = ["AWS_CONFIG_FILE", "AWS_EC2_METADATA_DISABLED", "AWS_SHARED_CREDENTIALS_FILE", "HOME", "HTTPS_PROXY"];
    assert_eq!(names, [&own[..], &["LANG", "TZ"]].concat());
    assert!(lines.contains(&"argv ec2 describe-instances --region eu-west-1".to_owned()), "{lines:?}");
    world.close().await;
}

pub(crate) async fn p59_gcloud_gets_its_own_environment_and_no_other() {
    let endpoint = Some("http://127.0.0.1:9".parse().unwrap());
    let world = World::with_stand_in("gcloud", project(endpoint)).await;
    let argv = ["gcloud", "compute", "zones", "list", "--project=example-dev", "--quiet"];
    let lines = told(&world, &argv).await;
    let env: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("env ")).collect();
    let fixed = shipped("gcloud").env;
    let mut expected: Vec<String> = fixed.iter().map(|(name, value)| format!("{name}={value}")).collect();
    expected.extend(
        [
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE=http://127.0.0.1:9/",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=/home/job/token",
            "CLOUDSDK_CONFIG=/home/job/gcloud",
            "HOME=/home/job",
            "HTTPS_PROXY=http://127.0.0.1:3128",
            "HTTP_PROXY=http://127.0.0.1:3128",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    assert_eq!(env, expected);
    assert!(lines.contains(&"file CLOUDSDK_AUTH_ACCESS_TOKEN_FILE [redacted:leased-token]".to_owned()), "{lines:?}");
    world.close().await;
}

pub(crate) async fn p59_the_real_aws_runs_with_it() {
    let stand = Stand::new().await;
    let world = World::with_tool("aws", profile(Some(stand.endpoint.clone())), aws_cli()).await;
    let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111111111111</Account>\
                <Arn>arn:aws:iam::111111111111:user/x</Arn><UserId>U</UserId></GetCallerIdentityResult>\
                </GetCallerIdentityResponse>";
    let argv = ["aws", "sts", "get-caller-identity", "--region", "eu-west-1", "--output", "text"];
    let ((exit, output), request) = tokio::join!(world.text(&argv), stand.answer("text/xml", body));
    assert_eq!(exit.code, Some(0), "{output} {:?}", exit.notes);
    assert_eq!(output, "111111111111\tarn:aws:iam::111111111111:user/x\tU\n");
    assert!(request.contains("AWS4-HMAC-SHA256 Credential=AKIATEST00000000TEST/"), "{request}");
    let program = world.jail.programs().find(|program| program.name == "aws").unwrap().clone();
    assert_eq!((exit.ran.program, exit.ran.digest), (program.path.clone(), program.digest().unwrap()));
    world.close().await;
}

/// What the classifier would refuse, aws-cli cannot do here either: there is no file of the worker, no address but the
/// endpoint, no alias, no plugin and no program to ask for credentials.
pub(crate) async fn p16_aws_reads_no_file_no_address_and_no_configuration_of_the_host() {
    let stand = Stand::new().await;
    let world = World::with_tool("aws", profile(Some(stand.endpoint.clone())), aws_cli()).await;
    let canary = world.folder.path().join("canary");
    std::fs::write(&canary, "canary-in-a-file").unwrap();
    let file = format!("file://{}", canary.display());
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", other.local_addr().unwrap());
    let put = |value: &str| {
        ["aws", "ssm", "put-parameter", "--name", "n", "--type", "String", "--value", value, "--region", "eu-west-1"]
            .map(str::to_owned)
    };
    let words = put(&file);
    let (exit, output) = world.text(&words.each_ref().map(String::as_str)).await;
    assert!(exit.code != Some(0) && !output.contains("canary-in"), "{output}");
    // An address is a value like any other, and is sent as it stands.
    let words = put(&address);
    let words = words.each_ref().map(String::as_str);
    let answer = stand.answer("application/x-amz-json-1.1", r#"{"Version":1}"#);
    let ((exit, output), request) = tokio::join!(world.text(&words), answer);
    assert_eq!(exit.code, Some(0), "{output}");
    assert!(request.contains(&address), "{request}");
    let (exit, output) = world.text(&["aws", "configure", "list", "--region", "eu-west-1"]).await;
    assert_eq!(exit.code, Some(0), "{output}");
    assert!(output.contains("shared-credentials-file"), "{output}");
    world.close().await;
}

pub(crate) async fn p17_aws_reaches_its_service_and_nothing_else() {
    let stand = Stand::new().await;
    let world = World::with_tool("aws", profile(Some(stand.endpoint.clone())), aws_cli()).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", elsewhere.local_addr().unwrap());
    let short = ["--cli-connect-timeout", "2", "--region", "eu-west-1"];
    for to in [address.as_str(), "http://169.254.169.254", "https://sts.us-east-1.amazonaws.com"] {
        let argv: Vec<&str> =
            ["aws", "sts", "get-caller-identity", "--endpoint-url", to].into_iter().chain(short).collect();
        let (exit, output) = world.text(&argv).await;
        assert!(exit.code != Some(0), "{output}");
        let host = to.rsplit('/').next().unwrap().trim_end_matches(":80");
        assert!(
            exit.notes.iter().any(|note| note.contains(host) && note.contains("is not a host of")),
            "{:?}",
            exit.notes
        );
    }
    world.close().await;
    // Without an endpoint it is the service's own host, which is found by the table and not by name here.
    let world = World::with_tool("aws", profile(None), aws_cli()).await;
    let argv: Vec<&str> = ["aws", "nonesuch", "get"].into_iter().chain(short).collect();
    let (exit, _) = world.run(Ask::apply(&argv)).await;
    assert!(matches!(exit, Err(RunFault::NotAvailable(_))), "{exit:?}");
    world.close().await;
}

pub(crate) async fn p59_an_aws_that_changed_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("aws");
    std::fs::create_dir_all(at.join("lib")).unwrap();
    std::fs::create_dir_all(at.join("bin")).unwrap();
    std::os::unix::fs::symlink(aws_cli().join("bin/python3").canonicalize().unwrap(), at.join("bin/python3")).unwrap();
    std::fs::copy(aws_cli().join("pyvenv.cfg"), at.join("pyvenv.cfg")).unwrap();
    std::fs::write(at.join("lib/module.py"), "one").unwrap();
    let recipe = shipped("aws");
    let candidates: Vec<_> = recipe.programs["aws"].iter().map(|candidate| candidate.moved(&at)).collect();
    let program = Program::find("aws", &candidates, &[]).unwrap();
    program.check().unwrap();
    let digest = program.digest().unwrap();
    assert!(Program::find("aws", &candidates, &[digest]).is_ok());
    std::fs::write(at.join("lib/module.py"), "two").unwrap();
    assert!(matches!(program.check(), Err(ProgramError::Changed(_))));
    let error = Program::find("aws", &candidates, &[digest]).unwrap_err().to_string();
    assert!(error.contains("which the manifest does not list"), "{error}");
    std::fs::write(at.join("lib/module.py"), "one").unwrap();
    // The same bytes, and yet somebody wrote there while the worker ran.
    assert!(matches!(program.check(), Err(ProgramError::Changed(_))));
    let again = Program::find("aws", &candidates, &[digest]).unwrap();
    std::fs::write(at.join("pyvenv.cfg"), "home = /tmp").unwrap();
    assert!(matches!(again.check(), Err(ProgramError::Changed(_))));
}

pub(crate) async fn p59_gcloud_itself_runs_with_it() {
    let Some(sdk) = cloud_sdk() else {
        println!("not run: gcloud");
        return;
    };
    let stand = Stand::new().await;
    let world = World::with_tool("gcloud", project(Some(stand.endpoint.clone())), sdk).await;
    let zone = r#"{"name":"europe-west1-b","selfLink":"https://compute.googleapis.com/compute/v1/projects/example-dev/zones/europe-west1-b","status":"UP"}"#;
    let body = &format!(r#"{{"items":[{zone}]}}"#);
    let argv = ["gcloud", "compute", "zones", "list", "--format=value(name)", "--project=example-dev", "--quiet"];
    let ((exit, output), request) = tokio::join!(world.text(&argv), stand.answer("application/json", body));
    assert_eq!((exit.code, output.as_str()), (Some(0), "europe-west1-b\n"), "{:?}", exit.notes);
    assert!(request.to_lowercase().contains(&format!("authorization: bearer {TOKEN}")), "{request}");
    assert_eq!(exit.notes, Vec::<String>::new());
    world.close().await;
}

/// Says so when Python is about to start another program, and runs the tool as its own entry does.
///
/// Source: Python, "Audit events table".
const WATCHED: &str = "import sys
starts = ('subprocess.Popen', 'os.exec', 'os.fork', 'os.forkpty', 'os.posix_spawn', 'os.spawn', 'os.system', 'pty.spawn')
sys.addaudithook(lambda event, given: print('STARTED', event, given) if event in starts else None)
";

pub(crate) async fn p15_aws_starts_no_other_program() {
    let stand = Stand::new().await;
    let mut recipe = shipped("aws");
    let code = format!("{WATCHED}from awscli.clidriver import main\nsys.exit(main())");
    for candidate in recipe.programs.values_mut().flatten() {
        candidate.with = ["-I", "-B", "-c", &code].map(str::to_owned).to_vec();
    }
    let places = BTreeMap::from([("aws".to_owned(), aws_cli())]);
    let world = World::with_recipe(recipe, profile(Some(stand.endpoint.clone())), places).await;
    let body = r#"{"Parameters":[],"InvalidParameters":["$(id)"]}"#;
    let argv = ["aws", "ssm", "get-parameters", "--names", "; id", "$(id)", "`id`", "| cat", "--region", "eu-west-1"];
    let ((exit, output), request) = tokio::join!(world.text(&argv), stand.answer("application/x-amz-json-1.1", body));
    assert!(exit.code == Some(0) && !output.contains("STARTED"), "{output}");
    assert!(request.ends_with(r#"{"Names": ["; id", "$(id)", "`id`", "| cat"]}"#), "{request}");
    world.close().await;
}

pub(crate) async fn p15_gcloud_starts_no_other_program() {
    let Some(sdk) = cloud_sdk() else {
        println!("not run: gcloud");
        return;
    };
    let stand = Stand::new().await;
    let mut recipe = shipped("gcloud");
    let code = format!(
        "{WATCHED}import runpy\nsys.argv[0] = '{0}'\nrunpy.run_path('{0}', run_name='__main__')",
        sdk.join("lib/gcloud.py").display()
    );
    for candidate in recipe.programs.values_mut().flatten() {
        candidate.with = ["-I", "-B", "-c", &code].map(str::to_owned).to_vec();
        candidate.entry = None;
    }
    let places = BTreeMap::from([("gcloud".to_owned(), sdk)]);
    let world = World::with_recipe(recipe, project(Some(stand.endpoint.clone())), places).await;
    let argv = ["gcloud", "compute", "zones", "list", "--filter=name=$(id)", "--project=example-dev", "--quiet"];
    let ((exit, output), _) = tokio::join!(world.text(&argv), stand.answer("application/json", "{}"));
    assert!(exit.code == Some(0) && !output.contains("STARTED"), "{output} {:?}", exit.notes);
    world.close().await;
}
