//! `zegel-relay`: see `zegel-relay --help` and zegel-relay(8).

use std::process::ExitCode;

fn main() -> ExitCode {
    zegel_relay::cli::main()
}
