//! `policy`: the organisation's switches, and where each value comes from.

use zegel_core::decision::{Policy, Setting};

use super::queue::time;
use super::{Failure, PolicyCommand, say};
use crate::lifecycle;
use crate::store::{Override, Store};

/// What leaves a switch to the configuration.
const CONFIGURED: &str = "configured";

pub(super) async fn run(
    store: &Store,
    configured: &Policy,
    command: PolicyCommand,
) -> Result<(), Failure> {
    let said = match command {
        PolicyCommand::Show => show(store, configured).await,
        PolicyCommand::Set { setting, value } => set(store, configured, setting, &value).await,
    };
    store.close().await;
    say(said?)?;
    Ok(())
}

async fn show(store: &Store, configured: &Policy) -> Result<String, Failure> {
    let overrides = store.overrides().await?;
    let lines = Setting::ALL.map(|setting| line(configured, &overrides, setting));
    Ok(lines.join("\n"))
}

fn line(configured: &Policy, overrides: &[Override], setting: Setting) -> String {
    let file = configured.value(setting);
    match overrides.iter().find(|set| set.setting == setting) {
        Some(set) => format!(
            "{:<12} {:<5} set {}; the configuration says {file}",
            setting.name(),
            set.value.to_string(),
            time(set.since)
        ),
        None => format!("{:<12} {:<5} configured", setting.name(), file.to_string()),
    }
}

async fn set(
    store: &Store,
    configured: &Policy,
    setting: Setting,
    value: &str,
) -> Result<String, Failure> {
    let read = match value {
        CONFIGURED => None,
        value => Some(setting.read(value).map_err(|why| {
            format!("{why}; or `{CONFIGURED}`, which leaves it to the configuration")
        })?),
    };
    store.set_policy(setting, read, lifecycle::now()).await?;
    let value = read.unwrap_or(configured.value(setting));
    Ok(format!("{setting} is {value}, for every decision from now on"))
}
