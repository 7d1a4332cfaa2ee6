//! Takes a bundle in: streamed to a file of its own, then handed to the agent, which verifies it.
//!
//! Nothing of it is believed here, and whatever happens the file is gone afterwards.

use std::io;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt as _;
use tempfile::TempPath;
use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{
    auth::{Caller, too_large},
    body::{BODY_TIME, BUNDLE_TYPE, too_slow},
    error::{Answered, Refused, content_type},
    router::Api,
    types::Published,
};
use crate::problem::{Code, Problem};

/// `POST /api/v1/releases`.
pub(super) async fn publish(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered<Response> {
    if content_type(request.headers()) != Some(BUNDLE_TYPE) {
        return Err(Refused::new(Code::MediaTypeUnsupported, "this address takes a bundle")
            .hint(format!("send `Content-Type: {BUNDLE_TYPE}`")));
    }
    let file = receive(&api, request.into_body()).await?;
    let published = api.agent().import(file.to_path_buf(), caller.by()).await?;
    let location = format!("/api/v1/releases/{}/{}", published.component, published.version);
    let body = Json(Published::from(&published));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], body).into_response())
}

/// Writes a body to a file of its own, which goes when the path is dropped.
async fn receive(api: &Api, mut body: Body) -> Answered<TempPath> {
    let (folder, limit) = (api.settings().uploads.clone(), api.settings().max_bundle);
    let made = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        tempfile::Builder::new().prefix("bundle-").tempfile_in(&folder)
    });
    let (file, path) = made.await.map_err(|_| stopped())?.map_err(unwritten)?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut size: u64 = 0;
    while let Some(frame) = timeout(BODY_TIME, body.frame()).await.map_err(|_| too_slow())? {
        let frame = frame.map_err(|error| {
            Refused::new(Code::RequestInvalid, format!("the bundle broke off: {error}"))
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        size = size.saturating_add(piece.len() as u64);
        if size > limit {
            return Err(too_large(limit));
        }
        file.write_all(&piece).await.map_err(unwritten)?;
    }
    file.flush().await.map_err(unwritten)?;
    Ok(path)
}

fn stopped() -> Refused {
    Refused::new(Code::Stopping, "the node is stopping")
}

fn unwritten(error: io::Error) -> Refused {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    let (code, detail) = if full {
        (Code::DiskFull, "there is no room for the bundle in the data directory")
    } else {
        (Code::FileUnusable, "the bundle cannot be written to the data directory")
    };
    Refused(Problem::new(code, detail).because(Some(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_its_own_answer() {
        assert_eq!(unwritten(io::ErrorKind::StorageFull.into()).0.code, Code::DiskFull);
        assert_eq!(unwritten(io::ErrorKind::QuotaExceeded.into()).0.code, Code::DiskFull);
        assert_eq!(unwritten(io::ErrorKind::PermissionDenied.into()).0.code, Code::FileUnusable);
    }
}
