//! One connection: the strict reader, hyper above it, and a decent end.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::House;
use crate::doors::http1::Strict;

/// How long, and for how many bytes, a peer that was refused is still read from. Closing with unread
/// bytes resets the connection, and a reset may overtake the refusal.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 256 * 1024;

/// Serves a connection until it ends, or the house is told to stop and the answer under way is out.
pub(super) async fn serve<S, F, A, B>(stream: S, peer: SocketAddr, mut house: House, handler: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>, SocketAddr) -> A,
    A: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let io = TokioIo::new(Strict::new(stream, house.manners.clone()));
    let service = service_fn(|request| {
        let answer = handler(request, peer);
        async { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    // A peer may close its half once it has sent its request; the answer is still owed.
    let mut connection = Builder::new().half_close(true).serve_connection(io, service);
    let ended = tokio::select! {
        biased;
        ended = &mut connection => Some(ended),
        () = house.stopping.told() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
    let strict = connection.into_parts().io.into_inner();
    if let Some(violation) = strict.violation() {
        house.metrics.violated(violation);
        tracing::debug!(%peer, %violation, "a peer broke the rules of HTTP");
        linger(strict.into_inner(), &house).await;
    }
}

/// Reads on for a moment and forgets what comes.
async fn linger<S: AsyncRead + Unpin>(stream: S, house: &House) {
    let mut rest = stream.take(LINGER_BYTES);
    let mut nowhere = tokio::io::sink();
    tokio::select! {
        biased;
        _ = tokio::io::copy(&mut rest, &mut nowhere) => {}
        () = house.manners.clock.sleep(LINGER) => {}
    }
}
