//! Fills a spec up from its image, by Docker's rules. Pure.

use crate::spec::{ContainerSpec, Invalid, Port};

/// What Docker sets when neither the user nor the image does.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Fills what the spec leaves open from the image's configuration, and gives program and arguments.
///
/// # Errors
/// [`Invalid::NoCommand`] if nobody says what to run.
pub(crate) fn with_image(
    spec: &mut ContainerSpec,
    image: &image::Config,
) -> Result<(String, Vec<String>), Invalid> {
    let config = &mut spec.config;
    if config.user.is_empty() {
        config.user.clone_from(&image.user);
    }
    if config.working_dir.is_empty() {
        config.working_dir.clone_from(&image.working_dir);
    }
    // The image's ports are a stranger's text: what is no port exposes nothing.
    config
        .exposed_ports
        .extend(image.exposed_ports.iter().filter_map(|port| Port::parse_range(port).ok()).flatten());
    config.exposed_ports.extend(spec.host.port_bindings.keys());
    config.volumes.extend(image.volumes.iter().cloned());
    for (key, value) in &image.labels {
        config.labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    config.env = environment(&config.env, &image.env);
    config.stop_signal =
        config.stop_signal.take().filter(|s| !s.is_empty()).or_else(|| image.stop_signal.clone());
    config.stop_timeout = config.stop_timeout.or(image.stop_timeout);
    config.shell = config.shell.take().or_else(|| image.shell.clone());
    crate::health::merge(&mut config.healthcheck, image.healthcheck.as_ref());
    if config.on_build.is_none() && !image.on_build.is_empty() {
        config.on_build = Some(image.on_build.clone());
    }

    // An entrypoint of the user's makes the image's command meaningless, even when it is the empty one.
    let own_entrypoint = config.entrypoint.is_some();
    if !own_entrypoint {
        if config.cmd.as_ref().is_none_or(Vec::is_empty) {
            config.cmd.clone_from(&image.cmd);
        }
        config.entrypoint = image.entrypoint.clone();
    }
    if config.entrypoint.as_ref().is_some_and(|words| words.len() == 1 && words[0].is_empty()) {
        config.entrypoint = Some(Vec::new());
    }
    let words = [config.entrypoint.as_deref(), config.cmd.as_deref()];
    let mut words = words.into_iter().flatten().flatten().cloned();
    match words.next() {
        Some(program) => Ok((program, words.collect())),
        None => Err(Invalid::NoCommand),
    }
}

/// The image's variables overridden by the user's; a bare name of the user's takes the image's away.
fn environment(user: &[String], image: &[String]) -> Vec<String> {
    let name_of = |entry: &str| entry.split_once('=').map_or(entry, |(name, _)| name).to_owned();
    let mut merged: Vec<String> = Vec::with_capacity(user.len() + image.len() + 1);
    let mut set = |entry: &String| {
        let name = name_of(entry);
        let at = merged.iter().position(|other| name_of(other) == name);
        match (at, entry.contains('=')) {
            (Some(at), true) => merged[at].clone_from(entry),
            (Some(at), false) => drop(merged.remove(at)),
            (None, true) => merged.push(entry.clone()),
            (None, false) => {}
        }
    };
    image.iter().for_each(&mut set);
    user.iter().for_each(&mut set);
    if !merged.iter().any(|entry| entry.starts_with("PATH=")) {
        merged.push(DEFAULT_PATH.to_owned());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Option<Vec<String>> {
        Some(text.split_whitespace().map(String::from).collect())
    }

    fn run(user: (Option<&str>, Option<&str>), image: (Option<&str>, Option<&str>)) -> Option<String> {
        let mut spec = ContainerSpec::default();
        spec.config.entrypoint = user.0.and_then(words);
        spec.config.cmd = user.1.and_then(words);
        let image = image::Config {
            entrypoint: image.0.and_then(words),
            cmd: image.1.and_then(words),
            ..Default::default()
        };
        with_image(&mut spec, &image).ok().map(|(program, args)| [vec![program], args].concat().join(" "))
    }

    #[test]
    fn entrypoint_and_command_by_dockers_table() {
        let image = (Some("/entry a"), Some("serve now"));
        assert_eq!(run((None, None), image).unwrap(), "/entry a serve now");
        assert_eq!(run((None, Some("sh")), image).unwrap(), "/entry a sh");
        assert_eq!(run((Some("/mine"), None), image).unwrap(), "/mine");
        assert_eq!(run((Some("/mine"), Some("x y")), image).unwrap(), "/mine x y");
        assert_eq!(run((None, None), (None, Some("sh"))).unwrap(), "sh");
        assert_eq!(run((None, None), (None, None)), None);
    }

    #[test]
    fn one_empty_word_resets_the_entrypoint() {
        let mut spec = ContainerSpec::default();
        spec.config.entrypoint = Some(vec![String::new()]);
        spec.config.cmd = words("ls /");
        let image = image::Config { entrypoint: words("/entry"), cmd: words("serve"), ..Default::default() };
        assert_eq!(with_image(&mut spec, &image).unwrap(), ("ls".into(), vec!["/".into()]));
        spec.config = crate::spec::Config { entrypoint: Some(vec![String::new()]), ..Default::default() };
        assert_eq!(with_image(&mut spec, &image), Err(Invalid::NoCommand));
    }

    #[test]
    fn a_bare_name_takes_a_variable_away_and_path_is_always_there() {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let merged = environment(&own(&["A=2", "B", "C=3"]), &own(&["A=1", "B=1", "D=a=b"]));
        assert_eq!(merged, own(&["A=2", "D=a=b", "C=3", DEFAULT_PATH]));
        assert_eq!(environment(&own(&["PATH=/x"]), &[]), own(&["PATH=/x"]));
    }

    proptest! {
        #[test]
        fn every_variable_occurs_once_and_the_users_word_is_last(
            user in prop::collection::vec("[A-C](=[0-9])?", 0..6), image in prop::collection::vec("[A-C]=[0-9]", 0..6),
        ) {
            let merged = environment(&user, &image);
            for name in ["A", "B", "C"] {
                let all: Vec<_> = merged.iter().filter(|entry| entry.starts_with(name)).collect();
                prop_assert!(all.len() <= 1);
                if let Some(last) = user.iter().rfind(|entry| entry.starts_with(name)) {
                    prop_assert_eq!(all.first().map(|s| s.as_str()), last.contains('=').then_some(last.as_str()));
                }
            }
        }
    }
}
