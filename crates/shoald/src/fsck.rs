//! `shoald --fsck`: checks the images of a daemon that is stopped, tells what is wrong, and ends with 0 if all is well or was
//! put right, else with 1.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use image::{CheckOptions, CheckReport};

use crate::config::{Config, Fsck};
use crate::instance::Instance;
use crate::setup;

/// Takes the data root's lock, checks, and prints.
pub(crate) fn run(config: &Config, wanted: Fsck) -> Result<ExitCode> {
    let _alone = Instance::claim(config)?;
    let containers = engine::known_containers(&config.data_root).context("cannot read the containers")?;
    let options = CheckOptions {
        root: setup::images(config).root,
        containers,
        layers: wanted.layers,
        repair: wanted.repair,
    };
    let report = image::check(&options).context("cannot check the images")?;
    std::io::stdout().write_all(text(&report, wanted).as_bytes()).context("cannot print what was found")?;
    let is_well = report.findings.is_empty() || report.is_repaired;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(report: &CheckReport, wanted: Fsck) -> String {
    let CheckReport { images, blobs, layers, containers, .. } = report;
    let mut text = format!("checked {images} images against their configurations and references\n");
    text.push_str(&format!("checked {blobs} blobs by their digests\n"));
    text.push_str(&match wanted.layers {
        true => {
            format!("checked {layers} layers and their links, and compared their files with their blobs\n")
        }
        false => format!("checked {layers} layers and their links, not their files (--fsck=layers does)\n"),
    });
    text.push_str(&format!("checked {containers} writable layers\n"));
    for finding in &report.findings {
        text.push_str(&format!("wrong: {finding}\n"));
    }
    let end = match (report.findings.len(), report.is_repaired) {
        (0, _) => "nothing is wrong".to_owned(),
        (count, true) => format!("{count} found and put right; check again to be sure"),
        (count, false) => format!("{count} found; --fsck=repair puts right what can be"),
    };
    text + &end + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_says_what_to_do() {
        let report =
            CheckReport { findings: vec!["blob x: is missing".to_owned()], ..CheckReport::default() };
        let told = text(&report, Fsck::default());
        assert!(
            told.contains("wrong: blob x: is missing\n")
                && told.ends_with("=repair puts right what can be\n")
        );
        assert!(text(&CheckReport::default(), Fsck::default()).ends_with("nothing is wrong\n"));
    }
}
