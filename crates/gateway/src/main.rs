//! The binary `lockgate`. Everything is in the library beside it, so that tests run the same code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    lockgate_gateway::commands::main()
}
