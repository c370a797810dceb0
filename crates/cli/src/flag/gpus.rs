//! `--gpus all`, `--gpus 2`, `--gpus '"device=0,1",capabilities=utility'`.

use super::{FlagError, fields};

/// What is asked of the devices' driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gpus {
    pub(crate) driver: String,
    /// -1: all of them.
    pub(crate) count: i64,
    pub(crate) devices: Vec<String>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) options: Vec<(String, String)>,
}

/// Reads one; quotes work as in CSV.
pub(crate) fn parse(input: &str) -> Result<Gpus, FlagError> {
    let bad = || FlagError::Gpus { input: input.to_owned() };
    let mut gpus = Gpus::default();
    let mut counted = false;
    let list = |value: &str| value.split(',').map(str::to_owned).collect::<Vec<_>>();
    for field in fields::split(input)? {
        match field.split_once('=') {
            None => (gpus.count, counted) = (count(&field).ok_or_else(bad)?, true),
            Some(("count", value)) => (gpus.count, counted) = (count(value).ok_or_else(bad)?, true),
            Some(("driver", value)) => gpus.driver = value.to_owned(),
            Some(("device", value)) => gpus.devices = list(value),
            Some(("capabilities", value)) => gpus.capabilities = list(value),
            Some(("options", value)) => {
                gpus.options =
                    list(value).iter().map(|pair| super::pair::label(pair)).collect::<Result<_, _>>()?;
            }
            Some(_) => return Err(bad()),
        }
    }
    if !counted && gpus.devices.is_empty() {
        gpus.count = 1;
    }
    if !gpus.capabilities.iter().any(|capability| capability == "gpu") {
        gpus.capabilities.push("gpu".to_owned());
    }
    Ok(gpus)
}

fn count(text: &str) -> Option<i64> {
    if text == "all" { Some(-1) } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let gpu = || vec!["gpu".to_owned()];
        assert_eq!(parse("all"), Ok(Gpus { count: -1, capabilities: gpu(), ..Gpus::default() }));
        assert_eq!(parse("2"), Ok(Gpus { count: 2, capabilities: gpu(), ..Gpus::default() }));
        let devices = vec!["0".to_owned(), "1".to_owned()];
        let both = vec!["utility".to_owned(), "gpu".to_owned()];
        assert_eq!(
            parse("\"device=0,1\",capabilities=utility,driver=nvidia"),
            Ok(Gpus { driver: "nvidia".to_owned(), devices, capabilities: both, ..Gpus::default() })
        );
        assert!(parse("many").is_err() && parse("colour=red").is_err());
    }
}
