//! The grammar by table, and against oci-spec's regular expression as an oracle.

use proptest::prelude::*;

use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn short_forms_are_filled_in() {
    for (text, long, familiar) in [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("docker.io/busybox:1", "docker.io/library/busybox:1", "busybox:1"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("me/app:v1.2", "docker.io/me/app:v1.2", "me/app:v1.2"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("127.0.0.1:5000/a/b:x", "127.0.0.1:5000/a/b:x", "127.0.0.1:5000/a/b:x"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
        ("foo/bar/baz", "docker.io/foo/bar/baz:latest", "foo/bar/baz:latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
    ] {
        let reference = Reference::parse(text).unwrap().or_latest();
        assert_eq!(
            (reference.to_string(), reference.familiar()),
            (long.to_owned(), familiar.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn tag_and_digest_may_both_be_given() {
    let text = format!("busybox:1@sha256:{HEX}");
    let reference = Reference::parse(&text).unwrap().or_latest();
    assert_eq!(reference.familiar(), text);
    assert_eq!(reference.at(Digest::of(b"")).familiar(), format!("busybox@sha256:{HEX}"));
}

#[test]
fn wrong_names_are_told_in_dockers_words() {
    for bad in [
        "", ":", "a:", "/a", "a//b", "a:b:c", "a b", "-a", "a_/b", "a..b", "a___b", "ä", "a:-x", "x.io:p/a",
        "a/",
    ] {
        let error = Reference::parse(bad).unwrap_err();
        assert!(error.to_string().starts_with("invalid reference format"), "{bad}: {error}");
    }
    assert_eq!(
        Reference::parse("Foo").unwrap_err().to_string(),
        "invalid reference format: repository name (library/Foo) must be lowercase"
    );
    assert!(Reference::parse("a@sha256:00").is_err());
    assert!(Reference::parse(HEX).is_err());
    assert!(Reference::parse(&format!("a:{}", "t".repeat(129))).is_err());
    assert!(Reference::parse(&"a".repeat(300)).is_err());
}

proptest! {
    /// oci-spec is more lenient only where a first part looks like a host and is none: `a_b.c/d`.
    #[test]
    fn agrees_with_oci_spec(text in "([a-z0-9.:-]{1,8}/)?[a-z0-9._-]{1,8}(/[a-z0-9._-]{1,4})?(:[A-Za-z0-9._-]{1,6})?") {
        let first = text.split('/').next().unwrap_or_default();
        prop_assume!(!(first.contains('_') && text.contains('/') && first.contains(['.', ':'])));
        let ours = Reference::parse(&text).map(|r| r.or_latest().to_string()).ok();
        let theirs = text.parse::<oci_spec::distribution::Reference>().map(|r| r.whole()).ok();
        prop_assert_eq!(ours, theirs);
    }

    /// What is printed reads back as the same name.
    #[test]
    fn familiar_form_reads_back(text in "([a-z]{1,5}\\.io(:[0-9]{1,4})?/)?[a-z]{1,5}(/[a-z]{1,5}){0,2}:[a-z]{1,4}") {
        let reference = Reference::parse(&text).unwrap();
        prop_assert_eq!(Reference::parse(&reference.familiar()).unwrap(), reference.clone());
        prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
    }

    /// No input makes it panic.
    #[test]
    fn never_panics(text in "\\PC{0,40}") {
        let _ = Reference::parse(&text);
    }
}
