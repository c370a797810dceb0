//! `Ulimits`: the container's own, then the daemon's defaults.

use crate::spec::{Invalid, Ulimit};
use runtime::oci::{PosixRlimit, PosixRlimitBuilder, PosixRlimitType};

pub(super) fn plan(own: &[Ulimit], defaults: &[Ulimit]) -> Result<Vec<PosixRlimit>, Invalid> {
    let unset = defaults.iter().filter(|default| own.iter().all(|limit| limit.name != default.name));
    own.iter().chain(unset).map(rlimit).collect()
}

fn rlimit(ulimit: &Ulimit) -> Result<PosixRlimit, Invalid> {
    let wrong = || Invalid::Ulimit(format!("{}={}:{}", ulimit.name, ulimit.soft, ulimit.hard));
    let typ = kind(&ulimit.name).ok_or_else(|| Invalid::UlimitType(ulimit.name.clone()))?;
    // -1 becomes the kernel's "no limit", which is also the largest number.
    let (soft, hard) = (ulimit.soft as u64, ulimit.hard as u64);
    if ulimit.soft < -1 || ulimit.hard < -1 || soft > hard {
        return Err(wrong());
    }
    PosixRlimitBuilder::default().typ(typ).soft(soft).hard(hard).build().map_err(|_| wrong())
}

fn kind(name: &str) -> Option<PosixRlimitType> {
    Some(match name {
        "core" => PosixRlimitType::RlimitCore,
        "cpu" => PosixRlimitType::RlimitCpu,
        "data" => PosixRlimitType::RlimitData,
        "fsize" => PosixRlimitType::RlimitFsize,
        "locks" => PosixRlimitType::RlimitLocks,
        "memlock" => PosixRlimitType::RlimitMemlock,
        "msgqueue" => PosixRlimitType::RlimitMsgqueue,
        "nice" => PosixRlimitType::RlimitNice,
        "nofile" => PosixRlimitType::RlimitNofile,
        "nproc" => PosixRlimitType::RlimitNproc,
        "rss" => PosixRlimitType::RlimitRss,
        "rtprio" => PosixRlimitType::RlimitRtprio,
        "rttime" => PosixRlimitType::RlimitRttime,
        "sigpending" => PosixRlimitType::RlimitSigpending,
        "stack" => PosixRlimitType::RlimitStack,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_limits_win_and_wrong_ones_are_named() {
        let of = |name: &str, soft, hard| Ulimit { name: name.into(), soft, hard };
        let plan_of = |own: &[Ulimit]| plan(own, &[of("nofile", 10, 20), of("core", 0, 0)]);
        let limits = plan_of(&[of("nofile", 1, -1)]).unwrap();
        assert_eq!(limits.len(), 2);
        assert_eq!(limits[0].hard(), u64::MAX);
        for wrong in [of("nofile", 2, 1), of("files", 1, 1), of("cpu", -2, 1), of("cpu", -1, 1)] {
            assert!(plan_of(std::slice::from_ref(&wrong)).unwrap_err().to_string().contains(&wrong.name));
        }
    }
}
