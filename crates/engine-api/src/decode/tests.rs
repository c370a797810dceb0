//! What the decoder takes, and what it refuses.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::unread::{Absent, MinusOne, NoKey, Unread};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Inner {
    memory: i64,
    blkio_weight: Unread,
    memory_swappiness: Unread<(), MinusOne>,
    volumes: Unread<(), NoKey>,
    global: Unread<(), Absent>,
    binds: Vec<String>,
    ports: BTreeMap<String, Vec<Inner>>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Outer {
    image: String,
    tty: bool,
    init: Option<bool>,
    host_config: Inner,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Query {
    all: bool,
    t: Option<i32>,
    changes: Vec<String>,
    platform: Unread,
}

fn query(pairs: &[(&str, &str)]) -> Result<Query, DecodeError> {
    from_parameters(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

#[test]
fn keys_match_in_any_capitalisation_and_nulls_are_absent() {
    let outer: Outer = from_json(
        br#"{"image":"a","IMAGE":"b","Image":"c","TTY":true,"init":null,"Unknown":[1],
             "hostconfig":{"memory":null,"Binds":["x",null],"ports":{"80/tcp":null,"81/tcp":[null]}}}"#,
    )
    .expect("lenient body");
    assert_eq!(outer.image, "c");
    assert!(outer.tty);
    assert_eq!(outer.init, None);
    assert_eq!(outer.host_config.binds, ["x", ""]);
    assert_eq!(outer.host_config.ports["80/tcp"], []);
    assert_eq!(outer.host_config.ports["81/tcp"], [Inner::default()]);
}

#[test]
fn an_unread_field_is_refused_by_its_path_unless_it_says_nothing() {
    for quiet in ["null", "0", "\"\"", "[]", "{}", "false", r#"{"A":null,"B":{"C":""}}"#] {
        let body = format!(r#"{{"HostConfig":{{"blkioweight":{quiet},"MemorySwappiness":-1}}}}"#);
        from_json::<Outer>(body.as_bytes()).expect(quiet);
    }
    for set in [r#""Volumes":{"/data":{}}"#, r#""Global":{}"#] {
        from_json::<Inner>(format!("{{{set}}}").as_bytes()).expect_err(set);
    }
    from_json::<Inner>(br#"{"Volumes":{},"Global":null}"#).expect("quiet");
    for set in ["1", "-1", "\"x\"", "[0]", "true", r#"{"A":1}"#] {
        let body = format!(r#"{{"HostConfig":{{"BlkioWeight":{set}}}}}"#);
        let error = from_json::<Outer>(body.as_bytes()).expect_err(set);
        assert_eq!(error, DecodeError::Unread { field: "HostConfig.BlkioWeight".into() });
    }
}

#[test]
fn a_wrong_type_names_its_field() {
    let error =
        from_json::<Outer>(br#"{"HostConfig":{"Ports":{"80/tcp":[{"Memory":"1g"}]}}}"#).expect_err("string");
    let text = error.to_string();
    assert!(text.starts_with("invalid value for HostConfig.Ports.80/tcp[0].Memory: "), "{text}");
    assert!(matches!(from_json::<Outer>(b"{").expect_err("cut"), DecodeError::Syntax { .. }));
    assert!(from_json::<Outer>(b"[1]").is_err());
    assert_eq!(from_json::<Outer>(b" \n").expect("empty"), Outer::default());
}

#[test]
fn parameters_are_texts() {
    let all = query(&[("all", "1"), ("t", "-1"), ("changes", "a"), ("changes", "b"), ("platform", "")])
        .expect("query");
    assert_eq!(
        all,
        Query { all: true, t: Some(-1), changes: vec!["a".into(), "b".into()], platform: Unread::default() }
    );
    for no in ["", "0", "false", "no", "none", "False"] {
        assert!(!query(&[("all", no)]).expect(no).all, "{no}");
    }
    assert_eq!(query(&[("t", "")]).expect("empty").t, None);
    assert!(query(&[("t", "soon")]).is_err());
    assert_eq!(query(&[("platform", "linux/arm64")]), Err(DecodeError::Unread { field: "platform".into() }));
}

proptest::proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = from_json::<Outer>(&body);
    }
}
