//! Which process of its service this is: metrics of replicas that nothing tells apart overwrite each other.

/// The attribute of a resource that says so, see <https://opentelemetry.io/docs/specs/semconv/resource/#service>.
pub(super) const KEY: &str = "service.instance.id";

/// An id of this process: the name of its machine or pod, for whoever reads it, and chance, since machines may share a name and a
/// process that starts anew counts from zero.
pub(super) fn id() -> String {
    // Linux, where services run, has it here, as the container sees it; elsewhere chance alone tells processes apart.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut chance = [0; 8];
    if let Err(error) = getrandom::fill(&mut chance) {
        tracing::warn!(error = %error, "no chance is to be had for the id of this process");
        chance = u64::from(std::process::id()).to_be_bytes();
    }
    let chance = hex::encode(chance);
    match host.trim() {
        "" => chance,
        host => format!("{host}-{chance}"),
    }
}
