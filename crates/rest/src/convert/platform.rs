//! Platforms as parameters write them.

use engine_api::decode;
use engine_api::image::OciPlatform;

use crate::failure::Failure;

/// Reads an OCI platform as JSON (`{"os":"linux","architecture":"arm","variant":"v5"}`) into `os/arch[/variant]`; an empty
/// text is none.
pub(crate) fn platform(text: &str) -> Result<Option<String>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Failure::invalid(format!("failed to parse platform: {text:?} is no OCI platform"));
    let platform: OciPlatform = decode::from_json(text.as_bytes()).map_err(|_| wrong())?;
    if platform.os.is_empty() || platform.architecture.is_empty() {
        return Err(wrong());
    }
    let variant = if platform.variant.is_empty() { String::new() } else { format!("/{}", platform.variant) };
    Ok(Some(format!("{}/{}{variant}", platform.os, platform.architecture)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_json() {
        let read = |text: &str| platform(text).ok().flatten();
        assert_eq!(
            read(r#"{"os":"linux","architecture":"arm","variant":"v5"}"#).as_deref(),
            Some("linux/arm/v5")
        );
        assert_eq!(read(r#"{"os":"linux","architecture":"amd64"}"#).as_deref(), Some("linux/amd64"));
        assert!(platform("").is_ok_and(|none| none.is_none()));
        assert!(platform("linux/amd64").is_err() && platform("{}").is_err());
    }
}
