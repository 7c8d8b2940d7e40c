//! base64url as JOSE has it (RFC 7515 section 2): no padding, no white space, one spelling for each value.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes that the text stands for. Padding, foreign characters and left-over bits that are not zero
/// are refused, so that no two texts stand for the same bytes.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The text of these bytes.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
