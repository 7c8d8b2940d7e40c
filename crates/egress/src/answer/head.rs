//! What the head of an answer alone tells against it. Pure.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{StatusCode, response};
use lockgate_access::spec::AnswerSpec;
use lockgate_inspect::media_type::MediaType;
use lockgate_vocabulary::Refusal;
use lockgate_vocabulary::limit::HEADER_COUNT;

use crate::refusal::EgressRefusal;
use crate::request::names_charset;

/// Framing and encoding. `asked` says that the caller asked for an encoding itself.
pub(super) fn check(head: &response::Parts, asked: bool) -> Result<(), EgressRefusal> {
    let headers = &head.headers;
    if head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(EgressRefusal::AnswerUpgrade);
    }
    if headers.len() > HEADER_COUNT {
        return Err(EgressRefusal::AnswerHeadTooLarge);
    }
    if !framing_is_plain(headers) {
        return Err(EgressRefusal::AnswerFraming);
    }
    if !asked && !is_identity(headers) {
        return Err(EgressRefusal::AnswerEncoding);
    }
    Ok(())
}

/// One length or one coding, and the coding `chunked`: what two readers could end at different bytes may
/// not leave a second answer on the line.
pub(crate) fn framing_is_plain(headers: &HeaderMap) -> bool {
    let Some(coding) = headers.get(TRANSFER_ENCODING) else { return true };
    let one = headers.get_all(TRANSFER_ENCODING).iter().nth(1).is_none();
    one && coding.as_bytes().eq_ignore_ascii_case(b"chunked") && !headers.contains_key(CONTENT_LENGTH)
}

fn is_identity(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Charsets that write ASCII as ASCII does, by the beginnings of their names: what is lent is found in them.
const PLAIN_CHARSETS: &[&str] = &[
    "ascii",
    "big5",
    "cp125",
    "euc-",
    "gb18030",
    "gb2312",
    "gbk",
    "iso-8859-",
    "iso8859",
    "koi8-",
    "latin",
    "macintosh",
    "shift_jis",
    "tis-620",
    "us-ascii",
    "utf-8",
    "utf8",
    "windows-125",
    "windows-31j",
    "windows-874",
];

/// The charset of an answer in which a credential has to be found. Where its media type cannot be read, any
/// mention of one is too much.
pub(super) fn check_charset(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_plain = |charset: &str| {
        let charset = charset.to_ascii_lowercase();
        PLAIN_CHARSETS.iter().any(|plain| charset.starts_with(plain))
    };
    let fits = |value: &HeaderValue| match MediaType::parse(value.as_bytes()) {
        Ok(media) => media.parameter("charset*").is_none() && media.parameter("charset").is_none_or(is_plain),
        Err(_) => !names_charset(value.as_bytes()),
    };
    let all_fit = headers.get_all(CONTENT_TYPE).iter().all(fits);
    if all_fit { Ok(()) } else { Err(EgressRefusal::AnswerCharset.refuse()) }
}

/// The media type of an answer that says yes and has a body.
pub(super) fn check_media(head: &response::Parts, wanted: &AnswerSpec) -> Result<(), Refusal> {
    if wanted.media_types.is_empty() && wanted.schema.is_none() {
        return Ok(());
    }
    let refused = || EgressRefusal::AnswerMediaType.refuse();
    let mut told = head.headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (told.next(), told.next()) else { return Err(refused()) };
    let media = MediaType::parse(value.as_bytes()).map_err(|_| refused())?;
    let listed = wanted.media_types.is_empty() || wanted.media_types.iter().any(|pattern| media.matches(pattern));
    let readable = wanted.schema.is_none() || media.is_json();
    if listed && readable { Ok(()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests;
