//! The option `tag`: a Go template of which Docker's documentation names these parts. Pure.

use crate::spec::LogInvalid;

/// The part of a container's or image's id that names it in a tag.
const SHORT: usize = 12;
/// What Docker's daemon calls itself in a tag.
const DAEMON: &str = "docker";

/// The container a log is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) image_id: &'a str,
    pub(crate) image: &'a str,
    pub(crate) path: &'a str,
    pub(crate) args: &'a [String],
    pub(crate) hostname: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Id,
    FullId,
    Name,
    FullName,
    ImageId,
    ImageFullId,
    ImageName,
    Command,
    Hostname,
    DaemonName,
}

/// A template, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    parts: Vec<Part>,
}

impl Tag {
    pub(super) fn parse(template: &str) -> Result<Tag, LogInvalid> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once("{{") {
            let wrong = |part: &str| LogInvalid::Tag { template: template.to_owned(), part: part.to_owned() };
            let (part, after) = after.split_once("}}").ok_or_else(|| wrong(after))?;
            parts.push(Part::Text(text.to_owned()));
            parts.push(named(part.trim()).ok_or_else(|| wrong(part))?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Tag { parts })
    }

    /// The short id, as Docker has it where nobody says otherwise.
    pub(super) fn id() -> Tag {
        Tag { parts: vec![Part::Id] }
    }

    pub(super) fn of(&self, subject: &Subject<'_>) -> String {
        self.parts.iter().map(|part| part.of(subject)).collect()
    }
}

fn named(name: &str) -> Option<Part> {
    Some(match name {
        ".ID" => Part::Id,
        ".FullID" => Part::FullId,
        ".Name" => Part::Name,
        ".FullName" => Part::FullName,
        ".ImageID" => Part::ImageId,
        ".ImageFullID" => Part::ImageFullId,
        ".ImageName" => Part::ImageName,
        ".Command" => Part::Command,
        ".Hostname" => Part::Hostname,
        ".DaemonName" => Part::DaemonName,
        _ => return None,
    })
}

impl Part {
    fn of(&self, subject: &Subject<'_>) -> String {
        let image_id = subject.image_id.strip_prefix("sha256:").unwrap_or(subject.image_id);
        match self {
            Part::Text(text) => text.clone(),
            Part::Id => short(subject.id).to_owned(),
            Part::FullId => subject.id.to_owned(),
            Part::Name | Part::FullName => subject.name.to_owned(),
            Part::ImageId => short(image_id).to_owned(),
            Part::ImageFullId => subject.image_id.to_owned(),
            Part::ImageName => subject.image.to_owned(),
            Part::Command => {
                let words: Vec<&str> =
                    std::iter::once(subject.path).chain(subject.args.iter().map(String::as_str)).collect();
                words.join(" ")
            }
            Part::Hostname => subject.hostname.to_owned(),
            Part::DaemonName => DAEMON.to_owned(),
        }
    }
}

/// The first characters of an id.
pub(super) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn subject() -> Subject<'static> {
        Subject {
            id: "0123456789abcdef",
            name: "web",
            image_id: "sha256:fedcba9876543210",
            image: "nginx:1",
            path: "sh",
            args: &[],
            hostname: "host",
        }
    }

    #[test]
    fn parts_are_put_in() {
        let of = |template| Tag::parse(template).unwrap().of(&subject());
        assert_eq!(of("{{.ImageName}}/{{ .Name }}/{{.ID}}!"), "nginx:1/web/0123456789ab!");
        assert_eq!(of("{{.ImageID}} {{.Command}}"), "fedcba987654 sh");
        assert_eq!((of("plain"), of("")), ("plain".into(), String::new()));
        for wrong in ["{{.ID", "{{.Secret}}", "{{json .}}"] {
            assert!(Tag::parse(wrong).is_err(), "{wrong}");
        }
    }
}
