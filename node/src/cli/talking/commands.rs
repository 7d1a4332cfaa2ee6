//! What each command prints and orders.

use super::*;

#[tokio::test]
async fn status_is_a_table_and_a_sentence_for_what_waits() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, talk]) = pages(Format::Text);
    let args = arguments("--exit-code");
    let exit = status::status(&args, &desk.client().await, Some(&output)).await;
    assert_eq!(exit, Ok(Exit::ConditionTrue));
    let text = data.text();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("NODE      node-a · demo · 3 peers · protocol 1 · up "), "{text}");
    assert!(lines[1].starts_with("DEV NETWORK"), "{text}");
    assert_eq!(lines[2], "COMPONENT  INSTALLED  CHANNEL  AVAILABLE  STATE");
    assert_eq!(lines[3], "demo-app   1.0.0      stable   1.1.0      held: policy");
    assert_eq!(
        lines[5],
        "demo-app 1.1.0 (feature, 412 KiB patch) is available. Feature updates wait for you."
    );
    assert!(talk.text().contains("hint: `updraft install demo-app`"), "{}", talk.text());

    let other = status::status(&arguments("other"), &desk.client().await, None).await;
    assert_eq!(other.expect_err("unknown").code.exit_code(), 5);
}

#[tokio::test]
async fn status_is_the_document_of_the_api() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, talk]) = pages(Format::Json);
    let exit = status::status(&arguments(""), &desk.client().await, Some(&output)).await;
    assert_eq!((exit, talk.text().as_str()), (Ok(Exit::Done), ""));
    let document = document(&data);
    assert_eq!(document["schema"], "updraft.status/1");
    assert_eq!(document["components"][0]["heldBy"]["reason"], "policy");
}

#[tokio::test]
async fn check_asks_and_tells_what_is_new() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, _]) = pages(Format::Json);
    let args = arguments("--exit-code");
    let exit = check::check(&args, &desk.client().await, Some(&output)).await;
    assert_eq!(exit, Ok(Exit::ConditionTrue));
    assert_eq!(desk.agent.world().asked, ["check"]);
    let found = document(&data);
    assert_eq!(found["schema"], "updraft.check/1");
    assert_eq!(
        (&found["updates"][0]["current"], &found["updates"][0]["available"]),
        (&json!("1.0.0"), &json!("1.1.0"))
    );
    assert_eq!(found["updates"][0]["heldBy"]["reason"], "policy");

    let offline = check::check(&arguments("--offline"), &desk.client().await, None).await;
    assert_eq!(offline, Ok(Exit::Done));
    assert_eq!(desk.agent.world().asked, ["check"], "nobody was asked again");
    let other = check::check(&arguments("other"), &desk.client().await, None).await;
    assert_eq!(other.expect_err("unknown").code, Code::ComponentUnknown);
}

#[tokio::test]
async fn install_tells_the_plan_the_way_and_the_end() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, talk]) = pages(Format::Text);
    let args = arguments("demo-app");
    let exit = install::install(&args, &desk.client().await, &output).await;
    assert_eq!(exit, Ok(Exit::Done));
    assert_eq!(data.text(), "Updated demo-app 1.0.0 → 1.1.0 in 4 s.\n");
    let plan = "demo-app 1.0.0 → 1.1.0   412 KiB to fetch instead of 13.0 MiB, 26.0 MiB of disk";
    assert!(talk.text().contains(plan), "{}", talk.text());

    let (output, [data, _]) = pages(Format::Json);
    install::install(&args, &desk.client().await, &output).await.expect("it goes well");
    let told = lines(&data);
    let kinds: Vec<_> = told.iter().map(|line| line["type"].as_str().expect("a type")).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"plan"), Some(&"done")));
    assert!(kinds.contains(&"progress"), "{kinds:?}");
    assert_eq!(told.last().expect("an end")["to"], "1.1.0");
}

#[tokio::test]
async fn a_dry_run_does_nothing_and_no_wait_does_not_wait() {
    let desk = Desk::new().await;
    desk.has_component();
    desk.agent.world().stuck = true;
    let (output, [data, _]) = pages(Format::Json);
    let client = desk.client().await;
    let dry = arguments("demo-app --dry-run");
    install::install(&dry, &client, &output).await.expect("a plan");
    assert!(desk.agent.world().asked.is_empty());
    let begun = arguments("demo-app --no-wait");
    install::install(&begun, &client, &output).await.expect("begun");
    let told = lines(&data);
    assert_eq!(told[0]["type"], "plan");
    assert_eq!(told.last().expect("lines")["type"], "begun");
    assert_eq!(desk.agent.world().asked.len(), 1);
}

#[tokio::test]
async fn an_installation_that_fails_ends_with_its_problem() {
    let desk = Desk::new().await;
    desk.has_component();
    desk.agent.world().failure = Some(Problem::new(Code::DiskFull, "needs 26 MiB, has 3"));
    let (output, _) = pages(Format::Text);
    let ended = install::install(&arguments("demo-app"), &desk.client().await, &output).await;
    assert_eq!(ended.expect_err("it fails").code, Code::DiskFull);
}

#[tokio::test]
async fn rollback_lists_and_goes_back() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, _]) = pages(Format::Json);
    let client = desk.client().await;
    rollback::rollback(&arguments("demo-app --list"), &client, &output).await.expect("a list");
    assert_eq!(document(&data)["kept"], json!(["0.9.0"]));
    let (output, [data, _]) = pages(Format::Json);
    let args = arguments("demo-app --to 0.9.0");
    rollback::rollback(&args, &client, &output).await.expect("it goes back");
    assert_eq!(document(&data)["schema"], "updraft.rollback/1");
    assert_eq!(desk.agent.world().asked, ["rollback demo-app to Some(0.9.0)"]);
}

#[tokio::test]
async fn list_show_and_history_have_documents_and_tables() {
    let desk = Desk::new().await;
    desk.has_component();
    {
        let mut world = desk.agent.world();
        Publisher::new().publish(&mut world, "demo-app", "1.0.0", tree("1.0.0"), |_| {});
        Publisher::new().publish(&mut world, "demo-app", "1.1.0", tree("1.1.0"), |manifest| {
            manifest.notes = "Faster.\u{1b}[2J".to_owned();
        });
        world.history = vec![HistoryLine {
            at: STARTED,
            component: "demo-app".parse().expect("a name"),
            from: None,
            to: version("1.0.0"),
            what: "install".to_owned(),
            error: None,
            by: "policy".to_owned(),
            detail: String::new(),
        }];
    }
    let client = desk.client().await;
    let (json, [data, _]) = pages(Format::Json);
    list::list(&arguments("--all"), &client, &json).await.expect("a list");
    list::list(&arguments(""), &client, &json).await.expect("a list");
    show::show(&arguments("demo-app --from 1.0.0"), &client, &json).await.expect("a release");
    history::history(&arguments(""), &client, &json).await.expect("a history");
    let documents = lines(&data);
    assert_eq!(documents[0]["releases"][0]["version"], "1.1.0");
    assert_eq!(documents[1]["components"][0]["name"], "demo-app");
    assert_eq!(documents[2]["plan"]["path"], json!(["1.0.0", "1.1.0"]));
    assert_eq!(documents[3]["items"][0]["result"], "ok");
    let schemas: Vec<_> = documents.iter().map(|document| document["schema"].clone()).collect();
    let expected = ["updraft.list/1", "updraft.list/1", "updraft.show/1", "updraft.history/1"];
    assert_eq!(schemas, expected);

    let (text, [data, _]) = pages(Format::Text);
    show::show(&arguments("demo-app@1.1.0"), &client, &text).await.expect("a release");
    let shown = data.text();
    assert!(shown.contains("  signed     1 of 1 needed\n"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "notes cannot steer a terminal: {shown:?}");
    let unknown = show::show(&arguments("demo-app@9.0.0"), &client, &text).await;
    assert_eq!(unknown.expect_err("unknown").code, Code::ReleaseUnknown);
    let since = history::history(&arguments("--since 1h"), &client, &json).await;
    assert_eq!(since, Ok(Exit::Done));
}

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct PeersLine {
    #[command(subcommand)]
    command: peers::Command,
}

#[tokio::test]
async fn peers_are_named_by_their_last_characters() {
    let desk = Desk::new().await;
    desk.agent.world().peers = vec![peer("12D3KooWaaaabbbb"), peer("12D3KooWaaaacccc")];
    let client = desk.client().await;
    let (output, [data, _]) = pages(Format::Text);
    let act = async |line: &str| {
        let args = PeersLine::try_parse_from(line.split(' ')).expect("arguments");
        peers::peers(&args.command, &client, &output).await
    };
    act("list").await.expect("a list");
    assert!(data.text().contains("aaaabbbb  out"), "{}", data.text());
    act("ban aaaabbbb --for 2m").await.expect("banned");
    act("unban 12D3KooWaaaabbbb").await.expect("unbanned");
    act("add /ip4/192.0.2.1/tcp/1").await.expect("dialled");
    assert_eq!(
        desk.agent.world().asked,
        ["ban 12D3KooWaaaabbbb for 120", "unban 12D3KooWaaaabbbb", "dial /ip4/192.0.2.1/tcp/1"]
    );
    let (json, [data, _]) = pages(Format::Json);
    peers::peers(&peers::Command::List, &client, &json).await.expect("a list");
    assert_eq!(document(&data)["peers"][1]["id"], "12D3KooWaaaacccc");
}
