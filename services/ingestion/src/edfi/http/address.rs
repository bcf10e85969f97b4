//! Absolute addresses, since Ed-Fi clients follow what they are told.

use http::{HeaderMap, header};

use crate::edfi::Door;

/// The address of a connection, without a slash at its end: as configured, else as the client called us.
pub(super) fn base(door: &Door, headers: &HeaderMap, connection: &str) -> String {
    let configured = door.state.public_url.as_deref().map(str::to_owned);
    let origin = configured.unwrap_or_else(|| origin(headers));
    format!("{origin}/edfi/{connection}")
}

fn origin(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // It only goes into the answer to who sent it; still, nothing that is not a host and port.
    let plain =
        |host: &&str| host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
    let host = text(header::HOST.as_str()).filter(plain).unwrap_or("localhost");
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    format!("{scheme}://{host}")
}
