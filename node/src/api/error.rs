//! Problems as answers: every status from 400 up leaves as `application/problem+json`, rendered here alone.
//!
//! Handlers answer with [`Refused`]; the outermost layer fills in the address and writes the document. What
//! the HTTP library refuses by itself is turned into a problem on the same way out.

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::problem::{Code, Problem};

/// Media type of a problem document.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Set on every answer: nothing from this API is a page, may be framed, cached or sniffed.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// A request that is answered with a problem.
#[derive(Debug, Clone)]
pub(super) struct Refused(pub(super) Problem);

/// What handlers answer.
pub(super) type Answered<T> = Result<T, Refused>;

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl Refused {
    /// A refusal without causes.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Problem::new(code, detail))
    }

    /// The same with a hint.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self(self.0.hint(hint))
    }
}

/// The status of a problem. A problem that only commands should have is the node's fault here: 500.
fn status_of(problem: &Problem) -> StatusCode {
    problem
        .code
        .http_status()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = status_of(&self.0).into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// The outermost layer: writes problem documents and the headers of every answer.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let address = request.uri().path().to_owned();
    let response = next.run(request).await;
    let mut response = match sort(response) {
        Outgoing::Problem(problem) => document(problem.at(address)),
        Outgoing::Answer(response) => *response,
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// What goes out.
#[derive(Debug)]
enum Outgoing {
    /// A problem that is yet to be written.
    Problem(Problem),
    /// An answer that is complete.
    Answer(Box<Response>),
}

/// Whether a response stands for a problem.
fn sort(mut response: Response) -> Outgoing {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Outgoing::Problem(problem);
    }
    let status = response.status();
    let is_json = content_type(response.headers()) == Some("application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return Outgoing::Answer(Box::new(response));
    }
    let code = match status {
        StatusCode::NOT_FOUND => Code::AddressUnknown,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::MediaTypeUnsupported,
        status if status.is_client_error() => Code::RequestInvalid,
        _ => Code::Failed,
    };
    Outgoing::Problem(Problem::new(code, code.title()))
}

fn document(problem: Problem) -> Response {
    let unauthorized = problem.code == Code::Unauthorized;
    let mut response: Response<Body> = (status_of(&problem), Json(&problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The media type of a message, without parameters.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or(text).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_refuses_becomes_a_problem_and_answers_stay() {
        let plain = (StatusCode::BAD_REQUEST, "Invalid URL").into_response();
        let Outgoing::Problem(problem) = sort(plain) else { panic!("a problem") };
        assert_eq!(problem.code, Code::RequestInvalid);
        let ready = (StatusCode::SERVICE_UNAVAILABLE, Json(serde_json::json!({}))).into_response();
        assert!(matches!(sort(ready), Outgoing::Answer(_)));
        assert!(matches!(sort(StatusCode::NO_CONTENT.into_response()), Outgoing::Answer(_)));
    }

    #[test]
    fn a_problem_of_commands_is_told_as_the_nodes_fault() {
        let problem = Problem::new(Code::NodeNotRunning, "x");
        assert_eq!(status_of(&problem), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
