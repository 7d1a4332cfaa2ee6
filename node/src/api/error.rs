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
    let mut response = match problem_in(response) {
        Ok(problem) => document(problem.at(address)),
        Err(response) => response,
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// The problem that a response stands for, or the response itself.
fn problem_in(mut response: Response) -> Result<Problem, Response> {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Ok(problem);
    }
    let status = response.status();
    let is_json = content_type(response.headers()) == Some("application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return Err(response);
    }
    let code = match status {
        StatusCode::NOT_FOUND => Code::AddressUnknown,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::MediaTypeUnsupported,
        status if status.is_client_error() => Code::RequestInvalid,
        _ => Code::Failed,
    };
    Ok(Problem::new(code, code.title()))
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
        assert_eq!(problem_in(plain).expect("a problem").code, Code::RequestInvalid);
        let ready = (StatusCode::SERVICE_UNAVAILABLE, Json(serde_json::json!({}))).into_response();
        assert!(problem_in(ready).is_err());
        assert!(problem_in(StatusCode::NO_CONTENT.into_response()).is_err());
    }

    #[test]
    fn a_problem_of_commands_is_told_as_the_nodes_fault() {
        let problem = Problem::new(Code::NodeNotRunning, "x");
        assert_eq!(status_of(&problem), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
