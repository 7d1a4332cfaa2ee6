//! What is counted about requests. Labels come from closed sets: the route's template, never its address.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// Counters of the HTTP interface.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    duration: Family<RouteLabels, Histogram, fn() -> Histogram>,
    pub(super) subscribers: Gauge,
}

impl HttpMetrics {
    /// Registers the counters; the registry's prefix stands before their names.
    pub fn register(registry: &mut Registry) -> Self {
        // 1 ms to 4 s: answers from memory at one end, orders that wait for peers at the other.
        let buckets = || Histogram::new(exponential_buckets(0.001, 4.0, 7));
        let metrics = Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(buckets),
            subscribers: Gauge::default(),
        };
        registry.register("http_requests", "HTTP requests answered", metrics.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time to answer an HTTP request",
            metrics.duration.clone(),
        );
        registry.register(
            "event_subscribers",
            "Event streams open now",
            metrics.subscribers.clone(),
        );
        metrics
    }
}

/// The layer that counts.
pub(super) async fn count(
    State(metrics): State<Arc<HttpMetrics>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", |matched| matched.as_str())
        .to_owned();
    let method = method_label(request.method().as_str());
    let response = next.run(request).await;
    let code = response.status().as_u16();
    metrics.requests.get_or_create(&RequestLabels { route: route.clone(), method, code }).inc();
    metrics.duration.get_or_create(&RouteLabels { route }).observe(started.elapsed().as_secs_f64());
    response
}

/// Anybody may invent methods; labels may not grow with them.
fn method_label(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
