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
    ///
    /// A processor runs what is made for its predecessors, as containerd's choice has it: arm/v7 runs v6 and v5, arm64 runs
    /// 32-bit arm, amd64 of a later version the earlier ones, and amd64 runs 386.
    pub(crate) fn serves(&self, wanted: &Platform) -> Option<u8> {
        if self.os != wanted.os {
            return None;
        }
        let (mine, theirs) = (self.kind(), wanted.kind());
        let older = |mine: u8, theirs: u8| (mine <= theirs).then(|| 100 - (theirs - mine));
        match (mine, theirs) {
            (Kind::Arm(mine), Kind::Arm(theirs)) | (Kind::Amd64(mine), Kind::Amd64(theirs)) => {
                older(mine, theirs)
            }
            (Kind::Arm64(mine), Kind::Arm64(theirs)) => older(mine, theirs),
            (Kind::Arm(mine), Kind::Arm64(_)) if mine <= 8 => Some(40 + mine),
            (Kind::Other("386", _), Kind::Amd64(_)) => Some(10),
            (Kind::Other(mine, variant), Kind::Other(theirs, other)) if mine == theirs => {
                match (variant, other) {
                    (mine, theirs) if mine == theirs => Some(100),
                    (_, "") | ("", _) => Some(99),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Architecture and variant, with what goes without saying said.
    fn kind(&self) -> Kind<'_> {
        let variant = self.variant.as_deref().unwrap_or_default();
        let version = |usual: u8| match variant {
            "" => Some(usual),
            given => given.trim_start_matches('v').parse().ok(),
        };
        let architecture = normal_architecture(&self.architecture);
        let kind = match architecture {
            "arm" => version(7).map(Kind::Arm),
            "arm64" => version(8).map(Kind::Arm64),
            "amd64" => version(1).map(Kind::Amd64),
            _ => None,
        };
        kind.unwrap_or(Kind::Other(architecture, variant))
    }
}

/// An architecture with its version, if its versions are ordered.
enum Kind<'a> {
    Arm(u8),
    Arm64(u8),
    Amd64(u8),
    Other(&'a str, &'a str),
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
    fn predecessors_serve_but_exact_variants_serve_best() {
        let order = |wanted: &str, all: &[&str]| {
            let scores: Vec<Option<u8>> =
                all.iter().map(|have| platform(have).serves(&platform(wanted))).collect();
            assert!(scores.iter().all(Option::is_some), "{wanted}: {scores:?}");
            assert!(scores.is_sorted_by(|a, b| a > b), "{wanted}: {scores:?}");
        };
        order("linux/arm64", &["linux/arm64/v8", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6"]);
        order("linux/arm/v7", &["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]);
        order("linux/amd64/v3", &["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]);
        order("linux/mips64le", &["linux/mips64le", "linux/mips64le/softfloat"]);
        let same = |a: &str, b: &str| assert_eq!(platform(a).serves(&platform(b)), Some(100), "{a} {b}");
        same("linux/arm64/v8", "linux/arm64");
        same("linux/arm64", "linux/arm64/v8");
        same("linux/arm/v7", "linux/arm");
        same("linux/amd64/v1", "linux/amd64");
        let never = |a: &str, b: &str| assert_eq!(platform(a).serves(&platform(b)), None, "{a} {b}");
        never("linux/arm64/v8", "linux/amd64");
        never("linux/arm/v7", "linux/arm/v6");
        never("linux/arm64", "linux/arm/v7");
        never("linux/amd64/v2", "linux/amd64");
        never("windows/amd64", "linux/amd64");
        never("linux/mips64le/hardfloat", "linux/mips64le/softfloat");
    }
}
