//! Chance as a parameter: identifiers, keys, nonces and jitter all come from one place.

/// Where unpredictable bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the whole slice with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// A machine without entropy cannot make keys; going on with weak ones would be worse than stopping.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for chance")]
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}
