//! The option `o` of the local driver: the words of mount(8), told apart. Pure.

/// Words of mount(8) about one mount, whatever its file system.
const ATTRIBUTES: [&str; 16] = [
    "ro",
    "rw",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noexec",
    "exec",
    "noatime",
    "atime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "nodiratime",
    "diratime",
];
/// How a mount spreads.
const PROPAGATION: [&str; 6] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
/// Options of a memory mount that go to the kernel.
const TMPFS: [&str; 8] = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "huge", "noswap"];
/// Words for the programs around mount(8), which mean nothing to a kernel.
const FOR_OTHERS: [&str; 10] =
    ["defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "nofail", "_netdev"];
/// Words that ask for another mount than the one that is made, and those of our own runtime.
const REFUSED: [&str; 12] = [
    "remount",
    "bind",
    "rbind",
    "move",
    "loop",
    "offset",
    "sizelimit",
    "idmap",
    "ridmap",
    "tmpcopyup",
    "private",
    "shared",
];

/// The words of `o`.
pub(super) fn words(o: &str) -> Vec<&str> {
    o.split(',').filter(|word| !word.is_empty()).collect()
}

fn key(word: &str) -> &str {
    word.split_once('=').map_or(word, |(key, _)| key)
}

/// Those of a bind.
///
/// # Errors
/// The first that a bind does not have.
pub(super) fn of_bind(words: &[&str]) -> Result<Vec<String>, String> {
    let mut taken = Vec::new();
    for word in words {
        match *word {
            // Whether it is recursive says the caller.
            "bind" | "rbind" | "defaults" => {}
            word if ATTRIBUTES.contains(&word) || PROPAGATION.contains(&word) => taken.push(word.to_owned()),
            word => return Err(format!("mount option \"{word}\" cannot be used with bind")),
        }
    }
    Ok(taken)
}

/// Those of memory.
///
/// # Errors
/// The first that memory does not have.
pub(super) fn of_memory(words: &[&str]) -> Result<Vec<String>, String> {
    let known = |word: &str| TMPFS.contains(&key(word)) || ATTRIBUTES.contains(&word);
    match words.iter().find(|word| !known(word)) {
        Some(word) => Err(format!("invalid mount option: \"{word}\"")),
        None => Ok(words.iter().map(|word| (*word).to_owned()).collect()),
    }
}

/// Those of any other file system, which knows its own.
///
/// # Errors
/// The first that asks for something else than mounting it.
pub(super) fn of_file_system(words: &[&str]) -> Result<Vec<String>, String> {
    let mut taken = Vec::new();
    for word in words {
        let key = key(word);
        if REFUSED.contains(&key) {
            return Err(format!("mount option \"{word}\" cannot be used here"));
        }
        if !FOR_OTHERS.contains(&key) && key != "comment" && !key.to_ascii_lowercase().starts_with("x-") {
            taken.push((*word).to_owned());
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_others_are_left_out_and_our_own_are_never_taken() {
        let read = |o: &str| of_file_system(&words(o));
        let taken =
            read("rw,_netdev,nofail,x-systemd.automount,X-shoal.host,data=ordered,comment=a").unwrap();
        assert_eq!(taken, ["rw", "data=ordered"]);
        assert!(read("x-shoal.lower=/").unwrap().is_empty());
        for wrong in ["remount", "bind,ro", "loop", "loop=/dev/loop1", "idmap"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(of_memory(&words("size=1m,x-shoal.lower=/")).is_err());
        assert!(of_bind(&words("bind,ro,x-shoal.guest")).is_err());
    }
}
