//! Platforms, `os/arch[/variant]`, and the choice of an image index's entry. Pure.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, config::ImageFile};

/// What an image runs on, in Go's names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
}

impl Platform {
    /// This machine.
    pub(crate) fn host() -> Platform {
        let architecture = normal_architecture(std::env::consts::ARCH).to_owned();
        Platform { os: "linux".to_owned(), architecture, variant: None }
    }

    /// What the user asked for, or this machine.
    pub(crate) fn wanted(text: Option<&str>) -> Result<Platform> {
        match text {
            Some(text) if !text.is_empty() => text.parse(),
            _ => Ok(Platform::host()),
        }
    }

    /// How well an image for `self` serves who wants `wanted`; higher is better, none is not at all.
    pub(crate) fn serves(&self, wanted: &Platform) -> Option<u8> {
        let architecture =
            normal_architecture(&self.architecture) == normal_architecture(&wanted.architecture);
        if self.os != wanted.os || !architecture {
            return None;
        }
        match (&self.variant, &wanted.variant) {
            (mine, theirs) if mine == theirs => Some(2),
            (_, None) | (None, _) => Some(1),
            (Some(_), Some(_)) => None,
        }
    }
}

impl ImageFile {
    /// What the image runs on.
    pub(crate) fn platform(&self) -> Platform {
        let os = if self.os.is_empty() { Platform::host().os } else { self.os.clone() };
        Platform { os, architecture: self.architecture.clone(), variant: self.variant.clone() }
    }
}

impl FromStr for Platform {
    type Err = Error;

    /// `os/arch[/variant]`, or an operating system or architecture alone.
    fn from_str(text: &str) -> Result<Platform> {
        let parts: Vec<&str> = text.split('/').collect();
        let plain =
            |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        let host = Platform::host();
        if !parts.iter().all(plain) {
            return Err(Error::InvalidPlatform(text.to_owned()));
        }
        let owned = |s: &str| normal_architecture(&s.to_ascii_lowercase()).to_owned();
        match parts[..] {
            [os] if is_os(os) => Ok(Platform { os: os.to_owned(), ..host }),
            [architecture] => Ok(Platform { architecture: owned(architecture), ..host }),
            [os, architecture] => {
                Ok(Platform { os: os.to_owned(), architecture: owned(architecture), variant: None })
            }
            [os, architecture, variant] => Ok(Platform {
                os: os.to_owned(),
                architecture: owned(architecture),
                variant: Some(variant.to_owned()),
            }),
            _ => Err(Error::InvalidPlatform(text.to_owned())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

fn is_os(text: &str) -> bool {
    matches!(text, "linux" | "windows" | "darwin" | "freebsd")
}

/// The name Go has for an architecture that uname or Rust call otherwise.
fn normal_architecture(name: &str) -> &str {
    match name {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64le" => "ppc64le",
        "i386" | "i686" | "x86" => "386",
        "armhf" | "armel" => "arm",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn short_forms() {
        assert_eq!(platform("linux/x86_64").to_string(), "linux/amd64");
        assert_eq!(platform("arm64").to_string(), "linux/arm64");
        assert_eq!(platform("linux/arm/v7").to_string(), "linux/arm/v7");
        for bad in ["a/b/c/d", "linux/", "/", "linux/am d"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn exact_variants_serve_best() {
        let v8 = platform("linux/arm64/v8");
        assert_eq!(v8.serves(&platform("linux/arm64/v8")), Some(2));
        assert_eq!(v8.serves(&platform("linux/arm64")), Some(1));
        assert_eq!(v8.serves(&platform("linux/amd64")), None);
        assert_eq!(platform("linux/arm/v6").serves(&platform("linux/arm/v7")), None);
    }
}
