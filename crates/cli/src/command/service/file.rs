//! The secrets and configs of a service: flags, and how they change a specification.
//!
//! A flag names a file; the specification has its id too, which the daemon is asked for.

use clap::Args;
use serde_json::{Value, json};

use super::spec::at;
use crate::client::{Client, Request};
use crate::error::Error;
use crate::flag::delivery::{self, Delivery};
use crate::flag::pair;

/// Flags of `service create`.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// Specify configurations to expose to the service
    #[arg(long, value_name = "config", value_parser = delivery::parse)]
    config: Vec<Delivery>,
    /// Specify secrets to expose to the service
    #[arg(long, value_name = "secret", value_parser = delivery::parse)]
    secret: Vec<Delivery>,
}

/// Flags of `service update`.
#[derive(Debug, Args)]
pub(super) struct Changes {
    /// Add or update a config file on a service
    #[arg(long, value_name = "config", value_parser = delivery::parse)]
    config_add: Vec<Delivery>,
    /// Remove a configuration file
    #[arg(long, value_name = "list")]
    config_rm: Vec<String>,
    /// Add or update a secret on a service
    #[arg(long, value_name = "secret", value_parser = delivery::parse)]
    secret_add: Vec<Delivery>,
    /// Remove a secret
    #[arg(long, value_name = "list")]
    secret_rm: Vec<String>,
}

/// The words of one kind.
struct Words {
    kind: &'static str,
    path: &'static str,
    field: &'static str,
    id: &'static str,
    name: &'static str,
}

const SECRET: Words =
    Words { kind: "secret", path: "/secrets", field: "Secrets", id: "SecretID", name: "SecretName" };
const CONFIG: Words =
    Words { kind: "config", path: "/configs", field: "Configs", id: "ConfigID", name: "ConfigName" };

impl Files {
    /// Adds what the flags name.
    pub(super) async fn apply(&self, client: &Client, spec: &mut Value) -> Result<(), Error> {
        change(client, spec, &SECRET, &self.secret, &[]).await?;
        change(client, spec, &CONFIG, &self.config, &[]).await
    }
}

impl Changes {
    /// Removes, then adds, what the flags name.
    pub(super) async fn apply(&self, client: &Client, spec: &mut Value) -> Result<(), Error> {
        change(client, spec, &SECRET, &self.secret_add, &self.secret_rm).await?;
        change(client, spec, &CONFIG, &self.config_add, &self.config_rm).await
    }
}

async fn change(
    client: &Client,
    spec: &mut Value,
    words: &Words,
    add: &[Delivery],
    remove: &[String],
) -> Result<(), Error> {
    if add.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let known = if add.is_empty() { Vec::new() } else { known(client, words, add).await? };
    let place = at(spec, &["TaskTemplate", "ContainerSpec", words.field]);
    let references = changed(place.as_array().cloned().unwrap_or_default(), words, (add, remove), &known)?;
    *place = json!(references);
    Ok(())
}

/// What the daemon has of these names.
async fn known(client: &Client, words: &Words, add: &[Delivery]) -> Result<Vec<Value>, Error> {
    let names: Vec<(String, String)> =
        add.iter().map(|delivery| ("names".to_owned(), delivery.source.clone())).collect();
    client.json(Request::get(words.path).query("filters", pair::filters(&names))).await
}

fn changed(
    mut references: Vec<Value>,
    words: &Words,
    (add, remove): (&[Delivery], &[String]),
    known: &[Value],
) -> Result<Vec<Value>, Error> {
    references.retain(|reference| !remove.iter().any(|name| reference[words.name] == *name));
    let target = |reference: &Value| reference["File"]["Name"].clone();
    let mut targets = Vec::new();
    for delivery in add {
        if targets.contains(&&delivery.target) {
            let text = format!("duplicate {} target for {} not allowed", words.kind, delivery.source);
            return Err(Error::Usage(text));
        }
        targets.push(&delivery.target);
        let found = known.iter().find(|file| file["Spec"]["Name"] == delivery.source);
        let Some(id) = found.and_then(|file| file["ID"].as_str()) else {
            return Err(Error::Usage(format!("{} not found: {}", words.kind, delivery.source)));
        };
        let reference = json!({
            "File": {"Name": delivery.target, "UID": delivery.uid, "GID": delivery.gid, "Mode": delivery.mode},
            words.id: id,
            words.name: delivery.source,
        });
        // The same file in the same place is given anew; in another place it is there twice.
        let same = |known: &&mut Value| {
            known[words.name] == reference[words.name] && target(known) == target(&reference)
        };
        match references.iter_mut().find(same) {
            Some(known) => *known = reference,
            None => references.push(reference),
        }
    }
    Ok(references)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(flags: &[&str]) -> Vec<Delivery> {
        flags.iter().map(|flag| delivery::parse(flag).unwrap()).collect()
    }

    #[test]
    fn names_become_references() {
        let known =
            [json!({"ID": "i1", "Spec": {"Name": "key"}}), json!({"ID": "i2", "Spec": {"Name": "other"}})];
        let file = |name: &str| json!({"Name": name, "UID": "0", "GID": "0", "Mode": 0o444});
        let got = changed(Vec::new(), &SECRET, (&files(&["key"]), &[]), &known).unwrap();
        let key = json!({"File": file("key"), "SecretID": "i1", "SecretName": "key"});
        assert_eq!(got, std::slice::from_ref(&key));
        let rotate = files(&["source=other,target=key"]);
        let got = changed(got, &SECRET, (&rotate, &["key".to_owned()]), &known).unwrap();
        assert_eq!(got, [json!({"File": file("key"), "SecretID": "i2", "SecretName": "other"})]);

        let words = |add: &[&str]| {
            changed(vec![key.clone()], &SECRET, (&files(add), &[]), &known).unwrap_err().to_string()
        };
        assert_eq!(words(&["none"]), "secret not found: none");
        assert_eq!(
            words(&["key", "source=other,target=key"]),
            "duplicate secret target for other not allowed"
        );
    }
}
