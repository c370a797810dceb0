//! What a test could not try because this kernel lacks it: said by name, and a failure where nothing may lack.

/// Set where the kernel is known to have everything that tests ask for, as in the virtual machine.
const COMPLETE: &str = "SHOAL_COMPLETE_KERNEL";

/// Says what was not tested, and why.
///
/// # Panics
/// Where the kernel should have had it: a test that is left out there is left out everywhere.
pub fn not_tested(what: &str, why: &str) {
    assert!(
        std::env::var_os(COMPLETE).is_none(),
        "not tested, on a kernel that should have it: {what}: {why}"
    );
    eprintln!("not tested: {what}: {why}");
}
