//! What Postfix does when the milter is away.

use super::Postfixed;
use crate::cli::doctor::finding::{Finding, Mend};

impl Postfixed<'_> {
    pub(super) fn without_milter(&self) -> Vec<Finding> {
        let postfix = self.postfix;
        let name = "milter_default_action";
        let mut findings = Vec::new();
        let main = Mend::main_cf("milter_default_action = tempfail");
        findings.extend(judge(name, postfix.get(name), main));
        for service in &postfix.services {
            let Some(action) = service.own.get(name) else { continue };
            let mend = Mend::Run(postfix.give(service, "milter_default_action=tempfail"));
            findings.extend(judge(&format!("{name} of {}", service.label()), action, mend));
        }
        for (program, parameter) in [("smtpd", "smtpd_milters"), ("cleanup", "non_smtpd_milters")] {
            for service in postfix.run(program) {
                let Some(action) =
                    self.ours(service, parameter).and_then(|listed| listed.default_action)
                else {
                    continue;
                };
                let list = self.before(&self.without_ours(postfix.of(service, parameter)));
                let mend = postfix.mend(service, parameter, &list);
                findings.extend(judge(&format!("default_action in {parameter}"), &action, mend));
            }
        }
        findings
    }
}

fn judge(name: &str, action: &str, mend: Mend) -> Option<Finding> {
    let what = match action {
        "tempfail" | "shutdown" => return None,
        "accept" => "with the milter away, selected mail goes out in the clear",
        "reject" => "with the milter away, mail is refused for good",
        "quarantine" => {
            "with the milter away, mail is put on hold until somebody releases it unselected"
        }
        _ => "with the milter away, nobody knows what happens",
    };
    Some(Finding::wrong(format!("{name} = {action}: {what}"), mend))
}
