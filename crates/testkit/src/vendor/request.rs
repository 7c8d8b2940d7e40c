//! Requests as the vendor read them. It reads as strictly as a test needs: the peer is the gateway, and
//! bytes that are no request fail the test.

use tokio::io::{AsyncRead, AsyncReadExt};

/// What the vendor saw of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The target as it stood in the request line.
    pub target: String,
    /// The fields in their order, names as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// Method and target.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// The values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that stands once.
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.all(name).as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }
}

/// Reads the head of one request; `rest` keeps what arrived beyond it. Nothing at the end of the stream.
pub async fn head<S: AsyncRead + Unpin>(stream: &mut S, rest: &mut Vec<u8>) -> std::io::Result<Option<Seen>> {
    let head_end = loop {
        if let Some(place) = find(rest, b"\r\n\r\n") {
            break place + 4;
        }
        if !more(stream, rest).await? {
            return Ok(None);
        }
    };
    let head: Vec<u8> = rest.drain(..head_end).collect();
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap_or_default();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let headers =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Ok(Some(Seen { method, target, headers: headers.collect(), body: Vec::new() }))
}

/// Reads the body that follows the head.
pub async fn body<S: AsyncRead + Unpin>(seen: &mut Seen, stream: &mut S, rest: &mut Vec<u8>) -> std::io::Result<()> {
    if let Some(length) = seen.header("content-length").and_then(|text| text.parse::<usize>().ok()) {
        while rest.len() < length && more(stream, rest).await? {}
        seen.body = rest.drain(..length.min(rest.len())).collect();
    } else if seen.header("transfer-encoding").is_some() {
        seen.body = chunks(stream, rest).await?;
    }
    Ok(())
}

async fn chunks<S: AsyncRead + Unpin>(stream: &mut S, rest: &mut Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = loop {
            match find(rest, b"\r\n") {
                Some(place) => break place,
                None if more(stream, rest).await? => {}
                None => return Ok(body),
            }
        };
        let line: Vec<u8> = rest.drain(..line_end + 2).collect();
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        let size = usize::from_str_radix(&text, 16).map_err(std::io::Error::other)?;
        while rest.len() < size + 2 && more(stream, rest).await? {}
        let chunk: Vec<u8> = rest.drain(..(size + 2).min(rest.len())).collect();
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, rest: &mut Vec<u8>) -> std::io::Result<bool> {
    Ok(stream.read_buf(rest).await? > 0)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
