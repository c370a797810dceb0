//! Which redirects are followed. The connection's own rules take headers with credentials off at another host; bodies with
//! credentials, and the way from TLS into the clear, are decided here.

use reqwest::{
    Url,
    redirect::{Attempt, Policy},
};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// What becomes of a redirect.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Follow,
    /// The redirect itself is the answer, which is no success.
    Stop,
    Refuse(&'static str),
}

/// The policy for requests to the registry at `base`, and to its token server.
pub(super) fn policy(base: &str, is_verified: bool) -> Policy {
    // Written as addresses are once they are parsed: small letters, no usual port.
    let own = Url::parse(&format!("{base}/v2/")).map(String::from).unwrap_or_default();
    Policy::custom(move |attempt: Attempt<'_>| {
        match judge(&own, is_verified, attempt.previous(), attempt.url()) {
            Verdict::Follow => attempt.follow(),
            Verdict::Stop => attempt.stop(),
            Verdict::Refuse(words) => attempt.error(words),
        }
    })
}

fn judge(own: &str, is_verified: bool, previous: &[Url], next: &Url) -> Verdict {
    let Some(first) = previous.first() else { return Verdict::Follow };
    if previous.len() > MAX_REDIRECTS {
        return Verdict::Refuse("too many redirects");
    }
    if is_verified && next.scheme() != "https" {
        return Verdict::Refuse("a redirect from TLS into the clear");
    }
    // What is no request for content is one for a token, with credentials in its body or its headers.
    if !first.as_str().starts_with(own) && first.origin() != next.origin() {
        return Verdict::Stop;
    }
    Verdict::Follow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_redirects_may_lead() {
        let url = |text: &str| Url::parse(text).unwrap();
        let own = "https://r.example/v2/";
        let blob = [url("https://r.example/v2/a/blobs/x")];
        let token = [url("https://auth.example/token")];
        assert_eq!(judge(own, true, &blob, &url("https://cdn.example/x")), Verdict::Follow);
        assert!(matches!(judge(own, true, &blob, &url("http://r.example/x")), Verdict::Refuse(_)));
        assert_eq!(judge(own, false, &blob, &url("http://cdn.example/x")), Verdict::Follow);
        assert_eq!(judge(own, true, &token, &url("https://auth.example/other")), Verdict::Follow);
        assert_eq!(judge(own, true, &token, &url("https://thief.example/token")), Verdict::Stop);
        let many = vec![blob[0].clone(); MAX_REDIRECTS + 1];
        assert!(matches!(judge(own, true, &many, &blob[0]), Verdict::Refuse(_)));
    }
}
