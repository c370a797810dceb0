//! `node-generic-resources`: things that this node offers to services, `GPU=UUID1` by name or `SSD=3` by number.

use std::collections::BTreeMap;

use swarm_api::pb::GenericResource;

use super::error::ConfigError;

const KEY: &str = "node-generic-resources";

/// Reads the words, each of which may hold several with commas between them.
pub(crate) fn resources(words: &[String]) -> Result<Vec<GenericResource>, ConfigError> {
    let wrong = |word: &str, expected| ConfigError::Value { key: KEY, value: format!("{word:?}"), expected };
    let mut resources: Vec<GenericResource> = Vec::new();
    let mut is_counted: BTreeMap<String, bool> = BTreeMap::new();
    for word in words.iter().flat_map(|words| words.split(',')) {
        let pair = word.split_once('=').map(|(kind, value)| (kind.trim(), value.trim()));
        let Some((kind, value)) = pair.filter(|(kind, value)| is_name(kind) && is_name(value)) else {
            return Err(wrong(word, "KIND=NAME or KIND=NUMBER"));
        };
        let count = value.parse::<i64>().ok();
        if count.is_some_and(|count| count < 0) {
            return Err(wrong(word, "a number that is not negative"));
        }
        match is_counted.insert(kind.to_owned(), count.is_some()) {
            None => {}
            Some(false) if count.is_none() => {}
            Some(_) => return Err(wrong(word, "a kind either once with a number, or with names alone")),
        }
        let value = if count.is_some() { String::new() } else { value.to_owned() };
        resources.push(GenericResource { kind: kind.to_owned(), value, count: count.unwrap_or_default() });
    }
    Ok(resources)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Vec<GenericResource>, ConfigError> {
        resources(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_and_numbers() {
        let named =
            |kind: &str, value: &str| GenericResource { kind: kind.into(), value: value.into(), count: 0 };
        let got = read(&["NVIDIA-GPU=UUID1, NVIDIA-GPU=UUID2", "fpga=3"]).unwrap();
        let fpga = GenericResource { kind: "fpga".into(), count: 3, ..Default::default() };
        assert_eq!(got, [named("NVIDIA-GPU", "UUID1"), named("NVIDIA-GPU", "UUID2"), fpga]);
        for wrong in
            ["gpu", "gpu=", "=1", "gpu=a=b", "gpu=-1", "gpu=1,gpu=a", "gpu=a,gpu=1", "gpu=1,gpu=2", ""]
        {
            let text = read(&[wrong]).unwrap_err().to_string();
            assert!(text.contains("node-generic-resources"), "{wrong}: {text}");
        }
    }
}
