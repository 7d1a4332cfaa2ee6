//! Votes over HTTP: shown with all that is needed to count again, and taken in as they were signed.

use serde_json::json;
use updraft_protocol::{Digest, Proposal, Stance, Statement, codec};

use super::*;
use crate::{
    agent::{OwnPart, ProposalLine, RuleWarning, VoteState, What, fake::vote::Vote},
    api::{STATEMENT_TYPE, types::Hex},
    problem::Code,
};

impl Desk {
    async fn with_vote(vote: &Vote) -> Self {
        let desk = Self::new().await;
        desk.agent.world().proposals = vec![vote.line()];
        desk
    }

    async fn hand_in(&self, path: &str, statement: &Statement) -> Answer {
        let request = request(Method::POST, path)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", STATEMENT_TYPE)
            .body(codec::encode(statement).expect("within limits"))
            .expect("a request");
        self.send(request).await
    }
}

#[tokio::test]
async fn a_proposal_has_its_documented_shape() {
    let vote = Vote::new().cast(0, Stance::Yes, 1).cast(2, Stance::No, 2);
    let desk = Desk::with_vote(&vote).await;
    let key = Vote::key(0).public().id();
    let stance = Some(Stance::Yes);
    desk.agent.world().proposals[0].own = Some(OwnPart { key, may_vote: true, stance });
    let line = vote.line();
    let expected = json!({
        "id": "p-3", "number": 3, "digest": line.id.to_string(), "state": "voting", "line": "updraft",
        "from": 1, "protocol": 2, "release": "1.1.0",
        "artifacts": [Digest::of(b"the artifact").to_string()],
        "by": key.to_hex(), "notes": "packs of chunks",
        "opensAt": line.opens.to_string(), "closesAt": line.closes.to_string(),
        "activatesAt": line.activates.to_string(), "endsAt": line.ends.to_string(), "height": null,
        "electorate": 3, "electorateEpoch": 1,
        "weights": {"yes": 1, "ready": 0, "no": 1, "abstain": 0, "cancel": 0},
        "total": 3, "quorum": 3, "threshold": 3, "thresholdOf": "2/3", "minReady": "9/10",
        "ready": {"nodes": 0, "of": 3},
        "missing": ["1 of 3 are for it, 3 are needed"],
        "readiness": "updraft@1.1.0 has not been tried here",
        "own": {"key": key.to_hex(), "voter": true, "ballot": "yes"},
        "certificates": [], "liars": [],
    });
    assert_eq!(
        desk.get("/api/v1/proposals").await.json(),
        json!({"items": [expected], "next": null})
    );
    for name in ["p-3", &line.id.to_string(), &line.id.short()] {
        let path = format!("/api/v1/proposals/{name}");
        assert_eq!(desk.get(&path).await.json(), expected, "{name}");
    }
}

#[tokio::test]
async fn every_ballot_comes_as_it_was_signed_and_the_silent_are_named() {
    let vote = Vote::new().cast(1, Stance::Yes, 4);
    let desk = Desk::with_vote(&vote).await;
    let ballots = desk.get("/api/v1/proposals/p-3/ballots").await.json();
    assert_eq!(ballots["proposal"]["id"], "p-3");
    let bytes: Hex = serde_json::from_value(ballots["bytes"].clone()).expect("hex");
    assert_eq!(codec::decode(&bytes.0), Ok(Statement::Proposal(vote.signed())));
    let items = ballots["items"].as_array().expect("a list");
    assert_eq!(items.len(), 3, "also who is silent");
    let cast: Vec<_> = items.iter().filter(|item| !item["ballot"].is_null()).collect();
    let [ben] = cast[..] else { panic!("one has voted: {items:?}") };
    assert_eq!((&ben["operator"], &ben["weight"]), (&json!("ben"), &json!(1)));
    assert_eq!((&ben["ballot"]["stance"], &ben["ballot"]["seq"]), (&json!("yes"), &json!(4)));
    let bytes: Hex = serde_json::from_value(ben["ballot"]["bytes"].clone()).expect("hex");
    let ballot = Vote::sign(&vote.ballot(1, Stance::Yes, 4), 1);
    assert_eq!(codec::decode(&bytes.0), Ok(Statement::Ballot(ballot)));
}

#[tokio::test]
async fn what_came_to_nothing_is_listed_only_when_all_is_asked_for() {
    let desk = Desk::new().await;
    desk.agent.world().proposals = VoteState::ALL
        .into_iter()
        .map(|state| ProposalLine { state, ..Vote::new().line() })
        .collect();
    let listed = async |path: &str| -> Vec<Value> {
        let page = desk.get(path).await.json();
        page["items"].as_array().expect("a list").iter().map(|p| p["state"].clone()).collect()
    };
    let current = ["announced", "voting", "lockedIn", "active", "final", "overtaken"];
    assert_eq!(listed("/api/v1/proposals").await, current);
    let all = listed("/api/v1/proposals?all=true").await;
    assert_eq!(all, VoteState::ALL.map(|state| state.camel_case()));
    assert_eq!(desk.get("/api/v1/proposals?all=perhaps").await.refusal(), ("UD0204", 400));
}

#[tokio::test]
async fn watchers_are_told_how_a_vote_stands_by_the_word_that_its_document_has() {
    let desk = Desk::new().await;
    let (number, id) = (3, Vote::new().signed().digest());
    let digest = id.to_string();
    for state in VoteState::ALL {
        events::tell(&desk, What::ProposalMoved { number, id, state });
    }
    events::tell(&desk, What::ProposalStruckOff { number, id });
    events::told(&desk, VoteState::ALL.len() + 1).await;
    for (kind, states) in [
        ("accepted", &["lockedIn"][..]),
        ("rejected", &["rejected"]),
        ("activated", &["active"]),
        ("expired", &["failed"]),
        ("changed", &["announced", "voting", "final", "overtaken", "cancelled", "struckOff"]),
    ] {
        let told = events::array(&desk, &format!("/api/v1/events?type=proposal.{kind}")).await;
        let told: Vec<_> = told.as_array().expect("a list").iter().map(|e| &e["data"]).collect();
        let stands = |state| json!({"id": "p-3", "digest": digest, "state": state});
        let expected: Vec<_> = states.iter().map(stands).collect();
        assert_eq!(told, expected.iter().collect::<Vec<_>>(), "{kind}");
    }
}

#[tokio::test]
async fn watchers_are_told_what_is_proposed_and_who_says_what() {
    let desk = Desk::new().await;
    let vote = Vote::new();
    let (number, id, by) = (3, vote.signed().digest(), Vote::key(1).public().id());
    let words = "updraft speaks protocol 2".to_owned();
    events::tell(&desk, What::ProposalOpened { number, id, words });
    for stance in [Stance::No, vote.ready()] {
        events::tell(&desk, What::ProposalVoted { number, id, by, stance });
    }
    events::told(&desk, 3).await;
    let data = async |kind: &str| -> Vec<Value> {
        let told = events::array(&desk, &format!("/api/v1/events?type={kind}")).await;
        told.as_array().expect("a list").iter().map(|event| event["data"].clone()).collect()
    };
    let digest = id.to_string();
    let opened = json!({"id": "p-3", "digest": digest, "words": "updraft speaks protocol 2"});
    assert_eq!(data("proposal.opened").await, [opened]);
    let says = |stance| json!({"id": "p-3", "digest": digest, "by": by.to_hex(), "stance": stance});
    assert_eq!(data("proposal.voted").await, [says("no"), says("ready")]);
    assert_eq!(data("proposal.*").await.len(), 3);
}

#[tokio::test]
async fn a_name_that_fits_two_or_none_is_refused() {
    let (one, mut other) = (Vote::new(), Vote::new());
    other.proposal.notes = "another".to_owned();
    let desk = Desk::new().await;
    desk.agent.world().proposals = vec![one.line(), other.line()];
    let two = desk.get("/api/v1/proposals/p-3").await;
    assert_eq!(two.refusal(), ("UD0904", 404));
    for line in [one.line(), other.line()] {
        assert!(two.problem().causes.contains(&line.id.to_string()), "{:?}", two.problem());
    }
    assert_eq!(desk.get("/api/v1/proposals/p-4/ballots").await.refusal(), ("UD0904", 404));
    assert_eq!(desk.get("/api/v1/proposals/three").await.refusal(), ("UD0204", 400));
}

#[tokio::test]
async fn a_draft_is_the_bytes_that_somebody_else_signs() {
    let vote = Vote::new();
    let desk = Desk::new().await;
    let by = Vote::key(0).public().to_string();
    let body = json!({"by": by, "protocol": 2, "threshold": "3/4", "notes": "x"}).to_string();
    let draft = async |body: &str| desk.ask(Method::POST, "/api/v1/proposals/draft", body).await;
    assert_eq!(draft(&body).await.refusal(), ("UD0902", 403), "there is no electorate");
    desk.agent.world().drafted = Some(vote.proposal.clone());
    let answer = draft(&body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let document = answer.json();
    let bytes: Hex = serde_json::from_value(document["bytes"].clone()).expect("hex");
    assert_eq!(codec::decode::<Proposal>(&bytes.0), Ok(vote.proposal.clone()));
    let words = document["words"].as_str().expect("text");
    assert!(words.starts_with("p-3: updraft speaks protocol 2 instead of 1"), "{words}");
    assert_eq!(desk.agent.world().asked, ["draft protocol 2 of updraft"; 2]);
    for bad in [
        json!({"by": by, "protocol": 2, "treshold": "2/3"}),
        json!({"by": by, "protocol": 2, "threshold": "3/2"}),
        json!({"by": "ann", "protocol": 2}),
        json!({"by": by}),
    ] {
        assert_eq!(draft(&bad.to_string()).await.refusal(), ("UD0204", 400), "{bad}");
    }
}

#[tokio::test]
async fn only_a_signed_proposal_opens_a_vote() {
    let vote = Vote::new();
    let desk = Desk::with_vote(&vote).await;
    let proposal = Statement::Proposal(vote.signed());
    let answer = desk.hand_in("/api/v1/proposals", &proposal).await;
    assert_eq!((answer.status.as_u16(), answer.json()["kind"].clone()), (202, json!("proposal")));
    let location = format!("/api/v1/proposals/{}", vote.signed().digest());
    assert_eq!(answer.header("location"), location);
    assert_eq!(desk.agent.world().asked, ["say proposal by token"]);

    let ballot = Statement::Ballot(Vote::sign(&vote.ballot(1, Stance::Yes, 1), 1));
    let misplaced = desk.hand_in("/api/v1/proposals", &ballot).await;
    assert_eq!(misplaced.refusal(), ("UD0414", 422));
    let wish = desk.ask(Method::POST, "/api/v1/proposals", "{}").await;
    assert_eq!(wish.refusal(), ("UD0110", 415));
    assert!(wish.problem().hint.expect("a way").contains("/api/v1/proposals/draft"));
    assert_eq!(desk.agent.world().asked.len(), 1, "nothing else reached the agent");
}

#[tokio::test]
async fn a_ballot_is_signed_by_somebody_about_this_proposal_or_cast_by_the_node() {
    let vote = Vote::new();
    let mut other = Vote::new();
    other.proposal.number = 4;
    let desk = Desk::with_vote(&vote).await;
    let path = "/api/v1/proposals/p-3/ballots";
    let signed = |vote: &Vote| Statement::Ballot(Vote::sign(&vote.ballot(1, Stance::No, 1), 1));
    assert_eq!(desk.hand_in(path, &signed(&vote)).await.status, StatusCode::ACCEPTED);
    assert_eq!(desk.hand_in(path, &signed(&other)).await.refusal(), ("UD0414", 422));
    let proposal = Statement::Proposal(vote.signed());
    assert_eq!(desk.hand_in(path, &proposal).await.refusal(), ("UD0414", 422));

    let body = json!({"stance": "yes", "reason": "a week on two nodes"}).to_string();
    assert_eq!(desk.ask(Method::POST, path, &body).await.status, StatusCode::ACCEPTED);
    let short = vote.line().id.short();
    let asked = desk.agent.world().asked.clone();
    let cast = format!("vote {short} yes (a week on two nodes) by token");
    assert_eq!(asked, ["say ballot by token".to_owned(), cast]);
    let long = "x".repeat(513);
    for bad in [
        json!({"stance": "ready"}),
        json!({"stance": "perhaps"}),
        json!({"stance": "no", "reason": long}),
        json!({"stance": "no", "raeson": "x"}),
        json!({}),
    ] {
        let answer = desk.ask(Method::POST, path, &bad.to_string()).await;
        assert_eq!(answer.refusal(), ("UD0204", 400), "{bad}");
    }
    assert_eq!(desk.agent.world().asked.len(), 2, "nothing else reached the agent");
}

#[tokio::test]
async fn the_status_tells_the_protocol_in_force_and_warns() {
    let desk = Desk::new().await;
    desk.agent.set_status(|status| {
        (status.protocol.active, status.node.protocol) = (3, 3);
        status.protocol.left_behind = true;
        let warning = |code, detail: &str| RuleWarning { code, detail: detail.to_owned() };
        status.protocol.warnings = vec![
            warning(Code::LeftBehind, "it takes no part"),
            warning(Code::RulesUnclear, "cut off"),
        ];
        status.votes_open = 2;
    });
    let status = desk.get("/api/v1/status").await.json();
    assert_eq!(status["node"]["protocol"], 3);
    assert_eq!(status["votesOpen"], 2);
    assert_eq!(
        status["protocol"],
        json!({"active": 3, "oldest": 1, "newest": 2, "fork": "0a1b2c3d", "leftBehind": true,
               "warnings": ["it takes no part", "cut off"]})
    );
    let problem = |n: usize| {
        let problem = &status["problems"][n];
        (problem["code"].clone(), problem["detail"].clone())
    };
    assert_eq!(problem(0), (json!(Code::LeftBehind.id()), json!("it takes no part")));
    assert_eq!(problem(1), (json!(Code::RulesUnclear.id()), json!("cut off")));
    assert_eq!(desk.get("/api/v1/version").await.json()["protocol"]["active"], 3);
}
