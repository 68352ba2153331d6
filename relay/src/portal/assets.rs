//! The style sheet and the icon: part of the program, each under a name that changes with its content, so that browsers
//! may keep them for ever.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;

#[derive(Debug)]
pub(super) struct Asset {
    pub(super) path: String,
    media_type: &'static str,
    content: &'static str,
}

pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("portal", "css", "text/css; charset=utf-8", include_str!("portal.css"))
});
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("zegel", "svg", "image/svg+xml", include_str!("icon.svg")));

impl Asset {
    fn new(name: &str, extension: &str, media_type: &'static str, content: &'static str) -> Self {
        let hash = digest::digest(&digest::SHA256, content.as_bytes());
        let hash = hash.as_ref().first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets));
        Self { path: format!("/static/{name}-{hash:016x}.{extension}"), media_type, content }
    }
}

/// `GET /static/{name}`
pub(super) async fn get(Path(name): Path<String>) -> Result<Response, Refusal> {
    let asset = [&*STYLE, &*ICON]
        .into_iter()
        .find(|asset| asset.path.strip_prefix("/static/") == Some(name.as_str()))
        .ok_or(Refusal::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    Ok((headers, asset.content).into_response())
}
