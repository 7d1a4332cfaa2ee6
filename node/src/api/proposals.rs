//! Votes: listed with all that is needed to count again, and taken in as they were signed.
//!
//! The one thing that a node signs here is its own ballot, because its operator asks for it. What is drafted is signed
//! elsewhere, by somebody who has read the bytes.

use axum::{
    Extension, Json,
    extract::{FromRequest as _, Path, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use updraft_protocol::{
    PublicKey, Signed, Stance, Statement, codec, limits::MAX_REASON, vote::Fraction,
};

use super::{
    auth::Caller,
    body::{Asked, JsonBody, STATEMENT_TYPE, is_statement, parse, parse_version, read_statement},
    error::{Answered, Refused},
    proposal_name::ProposalName,
    router::Api,
    types::{Ballots, Hex, Page, Proposal, ProposalDraft, ProposeBody, Said, VoteBody},
};
use crate::{
    agent::{self, ProposalLine, ProposalWish, in_words},
    problem::{Code, Problem},
};

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    #[serde(default)]
    all: bool,
}

/// Proposals that are open or decided, the newest first; `?all=true` for those that came to nothing, too. A node keeps
/// a bounded number of each.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Answered<Json<Page<Proposal>>> {
    let lines = api.agent().proposals().await?;
    let shown = lines.iter().filter(|line| query.all || !line.state.came_to_nothing());
    Ok(Json(Page { items: shown.map(Proposal::from).collect(), next: None }))
}

/// The proposal that an address names.
async fn named(api: &Api, name: &str) -> Answered<ProposalLine> {
    let name: ProposalName = parse(name)?;
    let lines = api.agent().proposals().await?;
    Ok(name.find(lines, |line| (line.proposal.number, line.id))?)
}

/// One proposal.
pub(super) async fn one(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Answered<Json<Proposal>> {
    Ok(Json(Proposal::from(&named(&api, &name).await?)))
}

/// Every elector of a proposal, with the bytes by which anybody counts again.
pub(super) async fn ballots(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Answered<Json<Ballots>> {
    Ok(Json(Ballots::from(&named(&api, &name).await?)))
}

/// `POST /api/v1/proposals/draft`: what somebody may sign.
pub(super) async fn draft(
    State(api): State<Api>,
    JsonBody(body): JsonBody<ProposeBody>,
) -> Answered<Json<ProposalDraft>> {
    let proposal = api.agent().draft_proposal(wish(body)?).await?;
    let unwritable = |error| Refused(Problem::from_error(Code::RequestInvalid, &error));
    let bytes = Hex(codec::encode(&proposal).map_err(unwritable)?);
    let unsigned = Statement::Proposal(Signed::unsigned(&proposal).map_err(unwritable)?);
    let words = in_words(&unsigned, ToString::to_string);
    Ok(Json(ProposalDraft { bytes, words }))
}

fn wish(body: ProposeBody) -> Answered<ProposalWish> {
    let fraction = |text: Option<String>| text.as_deref().map(parse::<Fraction>).transpose();
    Ok(ProposalWish {
        by: parse::<PublicKey>(&body.by)?.id(),
        line: parse(body.line.as_deref().unwrap_or("updraft"))?,
        to: body.protocol,
        release: body.release.as_deref().map(parse_version).transpose()?,
        voting: body.voting_seconds,
        lead: body.lead_seconds,
        grace: body.grace_seconds,
        height: body.height,
        threshold: fraction(body.threshold)?,
        min_ready: fraction(body.min_ready)?,
        notes: body.notes,
    })
}

/// `POST /api/v1/proposals`: a signed proposal.
pub(super) async fn open(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered<Response> {
    if !is_statement(&request) {
        return Err(Refused::new(Code::MediaTypeUnsupported, "this address takes a signed proposal")
            .hint(format!(
                "send `Content-Type: {STATEMENT_TYPE}`; `POST /api/v1/proposals/draft` makes one to sign"
            )));
    }
    let statement = read_statement(request).await?;
    let Statement::Proposal(signed) = &statement else {
        return Err(misplaced(&statement, "a proposal"));
    };
    let digest = signed.digest();
    let said = api.agent().say(statement, caller.by()).await?;
    Ok(accepted(&said, &format!("/api/v1/proposals/{digest}")))
}

/// `POST /api/v1/proposals/{id}/ballots`: a signed ballot, or, in JSON, how this node shall vote with its own key.
pub(super) async fn vote(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    request: Request,
) -> Answered<Response> {
    let proposal = named(&api, &name).await?;
    let location = format!("/api/v1/proposals/{}/ballots", proposal.id);
    if is_statement(&request) {
        let statement = read_statement(request).await?;
        let about = match &statement {
            Statement::Ballot(signed) => signed.peek().map(|ballot| ballot.proposal),
            _ => return Err(misplaced(&statement, "a ballot")),
        };
        let about =
            about.map_err(|error| Refused(Problem::from_error(Code::SignatureInvalid, &error)))?;
        if about != proposal.id {
            let detail = format!("this ballot is about proposal {about}, and not about {name}");
            return Err(Refused::new(Code::StatementRefused, detail));
        }
        let said = api.agent().say(statement, caller.by()).await?;
        return Ok(accepted(&said, &location));
    }
    let JsonBody(body) = JsonBody::<VoteBody>::from_request(request, &api).await?;
    if body.reason.len() > MAX_REASON {
        let detail = format!("the reason is over {MAX_REASON} bytes");
        return Err(Refused::new(Code::RequestInvalid, detail));
    }
    let stance = stance(&body.stance)?;
    let said = api.agent().vote(proposal.id, stance, body.reason, caller.by()).await?;
    Ok(accepted(&said, &location))
}

fn stance(word: &str) -> Answered<Stance> {
    match (Stance::plain(word), word) {
        (Some(stance), _) => Ok(stance),
        (None, "ready") => Err(Refused::new(Code::RequestInvalid, "nobody says `ready` by hand")
            .hint("vote yes; the node says that it is ready when it has tried the release")),
        (None, _) => Err(Refused::new(Code::RequestInvalid, "the stance is none")
            .hint("yes, no, abstain or cancel")),
    }
}

fn misplaced(statement: &Statement, wanted: &str) -> Refused {
    let detail = format!("this address takes {wanted}, and this is a {}", statement.kind());
    Refused::new(Code::StatementRefused, detail).hint("`POST /api/v1/statements` takes every kind")
}

fn accepted(said: &agent::Said, location: &str) -> Response {
    let location = [(header::LOCATION, location.to_owned())];
    (StatusCode::ACCEPTED, location, Json(Said::from(said))).into_response()
}
