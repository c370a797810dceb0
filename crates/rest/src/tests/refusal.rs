//! Requests that are refused, and that the daemon survives them.

use super::client::{post, post_as, raw, request};
use super::fixture::Fixture;
use crate::http::body::JSON_LIMIT;

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let fixture = Fixture::new().await;
    for (body, words) in
        [("{", "invalid JSON"), ("[]", "invalid request"), ("", "EOF"), ("{} x", "invalid JSON")]
    {
        let answer = post(&fixture, "/containers/create", body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.message().contains(words), "{body}: {}", answer.message());
    }
    let deep = "[".repeat(100_000);
    assert_eq!(post(&fixture, "/containers/create", &deep).await.status, 400);
    let plain = post_as(&fixture, "/containers/create", "text/plain", "{}").await;
    assert_eq!(plain.status, 400);
    assert_eq!(plain.message(), "unsupported Content-Type header (text/plain): must be 'application/json'");
    assert_eq!(request(&fixture, "GET", "/_ping").await.status, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let fixture = Fixture::new().await;
    let body = format!(r#"{{"Image":"{}"}}"#, "x".repeat(JSON_LIMIT));
    let answer = post(&fixture, "/containers/create", &body).await;
    assert_eq!((answer.status, answer.message().as_str()), (400, "the request body is larger than 4 MiB"));
    // The same without a length told beforehand.
    let chunk = "y".repeat(0x10000);
    let mut request = b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        .to_vec();
    for _ in 0..=JSON_LIMIT / chunk.len() {
        request.extend_from_slice(format!("10000\r\n{chunk}\r\n").as_bytes());
    }
    assert_eq!(raw(&fixture, &request).await.status, 400);
}

#[tokio::test]
async fn fields_that_are_not_honoured_are_refused_by_name() {
    let fixture = Fixture::new().await;
    let body = r#"{"image":"busybox","hostconfig":{"cgroup":"x"}}"#;
    let answer = post(&fixture, "/v1.44/containers/create?name=x", body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.message(),
        "HostConfig.Cgroup is not supported yet: remove it, or set it to its default"
    );
    let answer = request(&fixture, "GET", "/images/json?identity=1").await;
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("not supported yet"), "{}", answer.message());
    // What says nothing is no wish: the image is missing, and that is all there is to say.
    let body = r#"{"Image":"busybox","HostConfig":{"Links":[],"BlkioWeight":0,"MemorySwappiness":-1,"ConsoleSize":[0,0]}}"#;
    let answer = post(&fixture, "/containers/create", body).await;
    assert_eq!((answer.status, answer.message().as_str()), (404, "No such image: busybox:latest"));
}

#[tokio::test]
async fn parameters_that_are_wrong_are_named() {
    let fixture = Fixture::new().await;
    for (path, word) in [
        ("/containers/json?limit=many", "limit"),
        ("/containers/json?filters=x", "filters"),
        ("/containers/json?filters=%7B%22color%22%3A%5B%22red%22%5D%7D", "color"),
        ("/images/json?filters=%7B%22dangling%22%3A%5B%22maybe%22%5D%7D", "dangling"),
        ("/containers/x/logs?stdout=1&since=soon", "since"),
        ("/containers/x/logs", "stream"),
        ("/info?%zz=1", "%zz"),
    ] {
        let answer = request(&fixture, "GET", path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.message().contains(word), "{path}: {}", answer.message());
    }
}
