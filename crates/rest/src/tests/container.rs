//! Containers and images that are not there, in the words clients look for.

use super::client::{post, request};
use super::fixture::Fixture;

#[tokio::test]
async fn what_is_not_there_is_404() {
    let fixture = Fixture::new().await;
    for (method, path) in [
        ("GET", "/containers/web/json"),
        ("POST", "/containers/web/start"),
        ("POST", "/containers/web/stop?t=1"),
        ("POST", "/containers/web/kill"),
        ("POST", "/containers/web/wait?condition=next-exit"),
        ("POST", "/containers/web/attach?stream=1&stdout=1"),
        ("GET", "/containers/web/logs?stdout=1"),
        ("DELETE", "/containers/web?force=1"),
        ("POST", "/containers/web/resize?h=1&w=1"),
    ] {
        let answer = request(&fixture, method, path).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (404, "No such container: web"),
            "{method} {path}"
        );
    }
    for (method, path) in [
        ("GET", "/images/registry:5000/a/b:1/json"),
        ("GET", "/images/registry:5000/a/b:1/history"),
        ("POST", "/images/registry:5000/a/b:1/tag?repo=x"),
        ("DELETE", "/images/registry:5000/a/b:1"),
    ] {
        let answer = request(&fixture, method, path).await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(answer.message(), "No such image: registry:5000/a/b:1", "{method} {path}");
    }
    let network = request(&fixture, "GET", "/networks/mine").await;
    assert_eq!((network.status, network.message().as_str()), (404, "network mine not found"));
}

#[tokio::test]
async fn wrong_wishes_are_named() {
    let fixture = Fixture::new().await;
    let condition = request(&fixture, "POST", "/containers/web/wait?condition=tired").await;
    assert_eq!((condition.status, condition.message().as_str()), (400, "invalid condition: \"tired\""));
    let keys = request(&fixture, "POST", "/containers/web/attach?stream=1&detachKeys=enter").await;
    assert!(keys.status == 400 && keys.message().contains("enter"));
    let platform = post(&fixture, "/containers/create?platform=windows", r#"{"Image":"x"}"#).await;
    assert!(platform.status == 404 && platform.message().contains("windows"), "{}", platform.body);
    let source = request(&fixture, "POST", "/images/create?fromSrc=ftp://x/y").await;
    assert!(source.status == 400 && source.message().contains("URL"), "{}", source.body);
}

#[tokio::test]
async fn an_archive_that_is_none_is_refused() {
    let fixture = Fixture::new().await;
    let answer =
        super::client::post_as(&fixture, "/images/load?quiet=1", "application/x-tar", "no archive").await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(!answer.message().is_empty());
}
