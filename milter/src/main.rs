//! `zegel-milter`; see [`zegel_milter::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    zegel_milter::cli::main()
}
