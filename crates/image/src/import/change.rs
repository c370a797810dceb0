//! Instructions of a Dockerfile that change a configuration: `docker import --change`, `docker commit --change`. Pure.
//!
//! Source: Docker's reference of Dockerfiles; of it, the instructions that make no layer.

mod health;
mod words;

use crate::{Config, Error, Result};

/// Longest instruction, in bytes.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Applies one instruction.
pub(crate) fn apply(config: &mut Config, line: &str) -> Result<()> {
    if line.len() > MAX_LINE_BYTES {
        return Err(Error::TooLarge { what: "a change".to_owned(), limit: MAX_LINE_BYTES as u64 });
    }
    let line = line.trim();
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let verb = verb.to_ascii_uppercase();
    if rest.is_empty() && !verb.is_empty() && is_known(&verb) {
        return Err(wrong(format!("{verb} requires at least one argument")));
    }
    match verb.as_str() {
        "CMD" => config.cmd = Some(command(config, rest)),
        "ENTRYPOINT" => config.entrypoint = Some(command(config, rest)),
        "SHELL" => {
            config.shell = Some(
                json(rest)
                    .ok_or_else(|| wrong("SHELL requires the arguments to be in JSON form".to_owned()))?,
            )
        }
        "ENV" => words::pairs(rest)?.into_iter().for_each(|(key, value)| set_env(config, &key, &value)),
        "LABEL" => config.labels.extend(words::pairs(rest)?),
        "EXPOSE" => config.exposed_ports.extend(ports(rest)?),
        "VOLUME" => config.volumes.extend(json(rest).unwrap_or_else(|| words::plain(rest))),
        "WORKDIR" => config.working_dir = directory(&config.working_dir, rest),
        "USER" => config.user = rest.to_owned(),
        "STOPSIGNAL" => config.stop_signal = Some(rest.to_owned()),
        "ONBUILD" => config.on_build.push(on_build(rest)?),
        "HEALTHCHECK" => config.healthcheck = Some(health::read(rest)?),
        "" => return Err(wrong("an empty change changes nothing".to_owned())),
        other => return Err(wrong(format!("{other} is not a valid change command"))),
    }
    Ok(())
}

fn is_known(verb: &str) -> bool {
    const VERBS: [&str; 12] = [
        "CMD",
        "ENTRYPOINT",
        "SHELL",
        "ENV",
        "LABEL",
        "EXPOSE",
        "VOLUME",
        "WORKDIR",
        "USER",
        "STOPSIGNAL",
        "ONBUILD",
        "HEALTHCHECK",
    ];
    VERBS.contains(&verb)
}

/// `["a", "b"]`, or a line for the shell.
fn command(config: &Config, rest: &str) -> Vec<String> {
    json(rest).unwrap_or_else(|| {
        let mut shell = config.shell.clone().unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
        shell.push(rest.to_owned());
        shell
    })
}

fn json(rest: &str) -> Option<Vec<String>> {
    serde_json::from_str(rest).ok()
}

fn set_env(config: &mut Config, key: &str, value: &str) {
    let line = format!("{key}={value}");
    let prefix = format!("{key}=");
    match config.env.iter_mut().find(|old| old.starts_with(&prefix)) {
        Some(old) => *old = line,
        None => config.env.push(line),
    }
}

/// `80`, `80/udp`, `8000-8010`.
fn ports(rest: &str) -> Result<Vec<String>> {
    let mut ports = Vec::new();
    for word in words::plain(rest) {
        let invalid = || wrong(format!("invalid containerPort: {word}"));
        let (range, protocol) = word.split_once('/').unwrap_or((&word, "tcp"));
        let protocol = protocol.to_ascii_lowercase();
        if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
            return Err(wrong(format!("invalid proto: {protocol}")));
        }
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let first: u16 = first.parse().map_err(|_| invalid())?;
        let last: u16 = last.parse().map_err(|_| invalid())?;
        if first == 0 || last < first {
            return Err(invalid());
        }
        ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    }
    Ok(ports)
}

/// A relative directory is taken from the one before.
fn directory(before: &str, rest: &str) -> String {
    let whole = if rest.starts_with('/') { rest.to_owned() } else { format!("{before}/{rest}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn on_build(rest: &str) -> Result<String> {
    let verb = rest.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match verb.as_str() {
        "ONBUILD" => Err(wrong("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned())),
        "MAINTAINER" | "FROM" => Err(wrong(format!("{verb} isn't allowed as an ONBUILD trigger"))),
        _ => Ok(rest.to_owned()),
    }
}

fn wrong(words: String) -> Error {
    Error::InvalidChange(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(lines: &[&str]) -> Config {
        let mut config = Config::default();
        for line in lines {
            apply(&mut config, line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        config
    }

    #[test]
    fn commands_and_shell() {
        let config = changed(&[r#"CMD ["a", "b c"]"#, "entrypoint run it", r#"SHELL ["/bin/ash","-c"]"#]);
        assert_eq!(config.cmd.unwrap(), ["a", "b c"]);
        assert_eq!(config.entrypoint.unwrap(), ["/bin/sh", "-c", "run it"]);
        assert_eq!(config.shell.unwrap(), ["/bin/ash", "-c"]);
    }

    #[test]
    fn environment_and_labels() {
        let config =
            changed(&["ENV A=1 B=\"two words\" C=a\\ b", "ENV A 9 and more", "LABEL x=y \"k e y\"='v'"]);
        assert_eq!(config.env, ["A=9 and more", "B=two words", "C=a b"]);
        assert_eq!(config.labels["k e y"], "v");
    }

    #[test]
    fn the_rest() {
        let config = changed(&[
            "EXPOSE 80 53/udp 90-91",
            "VOLUME /a /b",
            "WORKDIR /x",
            "WORKDIR y/../z",
            "USER 1:2",
            "STOPSIGNAL SIGINT",
            "ONBUILD RUN x",
        ]);
        let ports: Vec<&str> = config.exposed_ports.iter().map(String::as_str).collect();
        assert_eq!(ports, ["53/udp", "80/tcp", "90/tcp", "91/tcp"]);
        assert_eq!(config.volumes.len(), 2);
        assert_eq!((config.working_dir.as_str(), config.user.as_str()), ("/x/z", "1:2"));
        assert_eq!((config.stop_signal.as_deref(), config.on_build.len()), (Some("SIGINT"), 1));
    }

    #[test]
    fn wrong_changes_are_named() {
        for (line, words) in [
            ("RUN x", "RUN is not a valid change command"),
            ("EXPOSE x", "invalid containerPort: x"),
            ("EXPOSE 1/icmp", "invalid proto: icmp"),
            ("ENV", "ENV requires at least one argument"),
            ("ENV A=\"1", "unexpected end of statement while looking for matching double-quote"),
            ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
            ("", "an empty change changes nothing"),
        ] {
            let error = apply(&mut Config::default(), line).unwrap_err();
            assert_eq!(error.to_string(), words, "{line}");
        }
    }
}
