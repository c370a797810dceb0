//! `name=soft[:hard]`. Which limits there are is the daemon's matter.

use super::FlagError;

/// One limit; -1 is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ulimit {
    pub(crate) name: String,
    pub(crate) soft: i64,
    pub(crate) hard: i64,
}

/// Reads one.
pub(crate) fn parse(input: &str) -> Result<Ulimit, FlagError> {
    let bad = || FlagError::Ulimit { input: input.to_owned() };
    let (name, limits) = input.split_once('=').ok_or_else(bad)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().ok().filter(|n| *n >= -1).ok_or_else(bad);
    let (soft, hard) = (number(soft)?, number(hard)?);
    if name.is_empty() {
        return Err(bad());
    }
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(FlagError::UlimitOrder { soft, hard });
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(parse("nofile=10:20"), Ok(Ulimit { name: "nofile".into(), soft: 10, hard: 20 }));
        assert_eq!(parse("core=0"), Ok(Ulimit { name: "core".into(), soft: 0, hard: 0 }));
        assert_eq!(parse("memlock=-1"), Ok(Ulimit { name: "memlock".into(), soft: -1, hard: -1 }));
        assert_eq!(parse("nofile=10:5"), Err(FlagError::UlimitOrder { soft: 10, hard: 5 }));
        for input in ["foo", "=1", "nofile=x", "nofile=", "nofile=-2", "nofile=1:2:3"] {
            assert!(parse(input).is_err(), "{input}");
        }
    }
}
